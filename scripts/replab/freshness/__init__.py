"""Which jobs a run consists of, what each depends on, and which must be done again."""
