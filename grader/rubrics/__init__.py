"""What students never see: each week's hidden checks, and known right and wrong answers that keep the checks honest."""
