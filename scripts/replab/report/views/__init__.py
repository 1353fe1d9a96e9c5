"""What each part of the report says, computed from rows."""
