rule inputs:
    """Make the bytes that every sandbox of a family gets."""
    input:
        family=lambda wildcards: lab_workflow.sources(LAB, FAMILIES[wildcards.family]),
        code=lab_workflow.code_of(LAB, "inputs"),
    output:
        f"{RESULTS}/inputs/{{family}}.json",
    log:
        f"{RESULTS}/logs/inputs/{{family}}.log",
    priority: 90
    resources:
        **ASKS.resources("inputs", "{family}"),
    params:
        **CALL,
        points=LAB.points,
    shell:
        "{params.step} inputs --config {params.settings:q} --name {wildcards.family:q} --reads {input:q} --makes {output:q} > {log:q} 2>&1"
