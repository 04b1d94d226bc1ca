"""What a visitor can change."""
