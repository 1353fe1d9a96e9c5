rule elsewhere:
    """Compare the cells with their results on other engines and machines, as far as they lie in the store."""
    input:
        tables=rules.tables.output,
        known=lambda wildcards: lab_workflow.known_elsewhere(LAB),
        code=["scripts/replab/elsewhere.py", "scripts/replab/platforms.py"],
    output:
        cells=f"{RESULTS}/elsewhere.parquet",
        platforms=f"{RESULTS}/platforms.parquet",
    log:
        f"{RESULTS}/logs/elsewhere.log",
    container:
        container_of
    resources:
        mem_mb=lambda wildcards, attempt: ASKS.memory_mb("elsewhere", "", attempt),
        runtime=lambda wildcards, attempt: ASKS.minutes("elsewhere", "", attempt),
    params:
        step=STEP,
        settings=SETTINGS,
    shell:
        "{params.step} elsewhere --config {params.settings} --out {output.cells} > {log} 2>&1"


rule report:
    """Render the tables as a site that opens from file://."""
    input:
        tables=rules.tables.output,
        claims=rules.claims.output,
        elsewhere=rules.elsewhere.output,
        templates=sorted(map(str, (LAB.root / "reports").rglob("*.*"))),
        code=[*sorted(map(str, (LAB.root / "scripts/replab/report").glob("*.py"))), "scripts/replab/defaults.py"],
    output:
        REPORT,
    log:
        f"{RESULTS}/logs/report.log",
    container:
        container_of
    resources:
        mem_mb=lambda wildcards, attempt: ASKS.memory_mb("report", "", attempt),
        runtime=lambda wildcards, attempt: ASKS.minutes("report", "", attempt),
    params:
        step=STEP,
        settings=SETTINGS,
    shell:
        "{params.step} report --config {params.settings} --out {output} > {log} 2>&1"
