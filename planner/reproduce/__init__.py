"""The paper's evaluation, run again: each figure's settings, our figures, and the published ones beside them."""
