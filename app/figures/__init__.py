"""Chart builders: pure functions from results to Plotly figures, one file a page, each with a sentence of alt text."""
