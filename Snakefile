"""replab: the same numeric experiments in pinned environments, judged against certified truth."""

from snakemake.utils import min_version

min_version("9.27")


configfile: "config/config.yaml"


include: "rules/common.smk"
include: "rules/environments.smk"
include: "rules/images.smk"
include: "rules/inputs.smk"
include: "rules/run.smk"
include: "rules/judge.smk"
include: "rules/report.smk"
include: "rules/publish.smk"


localrules:
    all,
    images,
    publish,


rule all:
    default_target: True
    input:
        lab_workflow.reported(LAB),
        lambda wildcards: lab_workflow.last(LAB),
