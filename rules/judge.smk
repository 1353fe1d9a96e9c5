rule truth:
    """Certify the values that cells are judged by."""
    input:
        index=f"{RESULTS}/inputs/{{family}}.json",
        reference=lambda wildcards: lab_workflow.references(LAB, FAMILIES[wildcards.family]),
        code=lab_workflow.code_of(LAB, "truth"),
    output:
        f"{RESULTS}/truth/{{family}}--{{shard}}.json",
    log:
        f"{RESULTS}/logs/truth/{{family}}--{{shard}}.log",
    priority: 10
    resources:
        **ASKS.resources("truth", "{family}--{shard}"),
    params:
        **CALL,
    shell:
        "{params.step} truth --config {params.settings:q} --name {wildcards.family:q} --shard {wildcards.shard:q} --reads {input:q} --makes {output:q} > {log:q} 2>&1"


rule judge:
    """Compare every cell with its truth and with its neighbours, and make what pages show of it."""
    input:
        truth=lambda wildcards: lab_workflow.certified(LAB, FAMILIES[wildcards.family], wildcards.shard),
        batches=lambda wildcards: lab_workflow.batches_of(LAB, FAMILIES[wildcards.family]),
        index=f"{RESULTS}/inputs/{{family}}.json",
        environments=expand(f"{RESULTS}/environments/{{environment}}.json", environment=ENVIRONMENTS),
        code=lab_workflow.code_of(LAB, "judge"),
    output:
        cells=f"{RESULTS}/judged/{{family}}--{{shard}}.cells.parquet",
        pairs=f"{RESULTS}/judged/{{family}}--{{shard}}.pairs.parquet",
        curves=f"{RESULTS}/judged/{{family}}--{{shard}}.curves.parquet",
        attributions=f"{RESULTS}/judged/{{family}}--{{shard}}.attributions.parquet",
        measurements=f"{RESULTS}/judged/{{family}}--{{shard}}.measurements.parquet",
        scripts=f"{RESULTS}/judged/{{family}}--{{shard}}.scripts.parquet",
        trajectories=f"{RESULTS}/judged/{{family}}--{{shard}}.trajectories.parquet",
    log:
        f"{RESULTS}/logs/judge/{{family}}--{{shard}}.log",
    priority: 5
    resources:
        **ASKS.resources("judge", "{family}--{shard}"),
    params:
        **CALL,
    shell:
        "{params.step} judge --config {params.settings:q} --name {wildcards.family:q} --shard {wildcards.shard:q} --reads {input:q} --makes {output:q} > {log:q} 2>&1"


rule tables:
    """Merge what was found into the public tables."""
    input:
        judged=lab_workflow.judged(LAB),
        environments=expand(f"{RESULTS}/environments/{{environment}}.json", environment=ENVIRONMENTS),
        defaults=expand(f"{RESULTS}/defaults/{{environment}}.json", environment=lab_workflow.reads_defaults(LAB)),
        published=expand(f"{RESULTS}/published/{{environment}}.json", environment=ENVIRONMENTS if lab_workflow.runs_programs(LAB) else []),
        programs=lab_workflow.program_files(LAB),
        code=lab_workflow.code_of(LAB, "tables"),
    output:
        cells=f"{RESULTS}/cells.parquet",
        pairs=f"{RESULTS}/pairs.parquet",
        curves=f"{RESULTS}/curves.parquet",
        attributions=f"{RESULTS}/attributions.parquet",
        measurements=f"{RESULTS}/measurements.parquet",
        scripts=f"{RESULTS}/scripts.parquet",
        trajectories=f"{RESULTS}/trajectories.parquet",
        defaults=f"{RESULTS}/defaults.parquet",
        environments=f"{RESULTS}/environments.json",
        cases=f"{RESULTS}/cases.json",
        run=f"{RESULTS}/run.json",
        told=f"{RESULTS}/published.json",
    log:
        f"{RESULTS}/logs/tables.log",
    resources:
        **ASKS.resources("tables"),
    params:
        **CALL,
    shell:
        "{params.step} tables --config {params.settings:q} --reads {input:q} --makes {output:q} > {log:q} 2>&1"


rule claims:
    """Compute the verdict of every claim, and what the sources of discrepancy are."""
    input:
        tables=rules.tables.output,
        rules=lab_workflow.claim_files(LAB),
        code=lab_workflow.code_of(LAB, "claims"),
    output:
        claims=f"{RESULTS}/claims.json",
        sources=f"{RESULTS}/sources.json",
    log:
        f"{RESULTS}/logs/claims.log",
    resources:
        **ASKS.resources("claims"),
    params:
        **CALL,
    shell:
        "{params.step} claims --config {params.settings:q} --reads {input:q} --makes {output:q} > {log:q} 2>&1"
