"""The lab as a library: results of one's own judged by the rules of the workflow, without a folder, a configuration or Snakemake.

``replab`` itself exports what is meant for others (``docs/library.md``); everything else here may change.
"""
