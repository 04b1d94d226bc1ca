"""What one visitor has: scenario, uploads, drafts, answers, and their bounds."""
