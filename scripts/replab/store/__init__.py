"""Results on disk: cells, tables, and the notes of what each step read and made."""
