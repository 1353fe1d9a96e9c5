rule environment:
    """Build one environment from its lock and observe it from inside."""
    input:
        toml=lambda wildcards: lab_workflow.environment_file(LAB, wildcards.environment),
        lock=lambda wildcards: lab_workflow.lock_file(LAB, wildcards.environment),
        probe=PROBE,
        image=lambda wildcards: lab_workflow.image_notes(LAB, wildcards.environment),
        policy=POLICY,
    output:
        f"{RESULTS}/environments/{{environment}}.json",
    log:
        f"{RESULTS}/logs/environment/{{environment}}.log",
    priority: 100
    resources:
        **ASKS.resources("environment", "{environment}"),
        gpu=lambda wildcards: int("@" in wildcards.environment),
    params:
        **CALL,
        engine=LAB.engine,
    shell:
        "{params.step} environment --config {params.settings:q} --name {wildcards.environment:q} --reads {input:q} --makes {output:q} > {log:q} 2>&1"


rule defaults:
    """Read an environment's own defaults, for the atlas."""
    input:
        environment=f"{RESULTS}/environments/{{environment}}.json",
        # Not newer than what was read, but there: an image may have been deleted since.
        image=ancient(lambda wildcards: lab_workflow.image_notes(LAB, wildcards.environment)),
        atlas=lab_workflow.lab_file(LAB, "experiments/defaults/atlas.toml"),
        code=[*lab_workflow.code_of(LAB, "defaults"), lab_workflow.lab_file(LAB, "scripts/sandbox/atlas/introspect.py")],
    output:
        f"{RESULTS}/defaults/{{environment}}.json",
    log:
        f"{RESULTS}/logs/defaults/{{environment}}.log",
    priority: 95
    resources:
        **ASKS.resources("defaults", "{environment}"),
    params:
        **CALL,
    shell:
        "{params.step} defaults --config {params.settings:q} --name {wildcards.environment:q} --reads {input:q} --makes {output:q} > {log:q} 2>&1"


rule published:
    """Run the programs of the articles that claims come from."""
    input:
        environment=f"{RESULTS}/environments/{{environment}}.json",
        image=ancient(lambda wildcards: lab_workflow.image_notes(LAB, wildcards.environment)),
        programs=lab_workflow.program_files(LAB),
        code=[*lab_workflow.code_of(LAB, "published"), lab_workflow.lab_file(LAB, "scripts/sandbox/article/run.py")],
    output:
        f"{RESULTS}/published/{{environment}}.json",
    log:
        f"{RESULTS}/logs/published/{{environment}}.log",
    priority: 4
    resources:
        **ASKS.resources("published", "{environment}"),
    params:
        **CALL,
    shell:
        "{params.step} published --config {params.settings:q} --name {wildcards.environment:q} --reads {input:q} --makes {output:q} > {log:q} 2>&1"
