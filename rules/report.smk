rule report:
    """Render the tables as a site that opens from file://."""
    input:
        tables=rules.tables.output,
        claims=rules.claims.output,
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
