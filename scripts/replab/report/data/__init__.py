"""What pages are made from: tables as rows, evidence, links and words."""
