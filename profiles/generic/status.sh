#!/bin/sh
# Prints what became of a job: running, success or failed. A job that the scheduler does not tell of (yet) counts as running.
state=$(squeue --noheader --states all --format %T --job "$1" 2>/dev/null | head -n 1)
case "$state" in
  COMPLETED) echo success ;;
  BOOT_FAIL | CANCELLED | DEADLINE | FAILED | NODE_FAIL | OUT_OF_MEMORY | TIMEOUT) echo failed ;;
  *) echo running ;;
esac
