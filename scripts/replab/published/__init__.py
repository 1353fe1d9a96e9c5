"""Programs of articles, run as their readers would run them."""
