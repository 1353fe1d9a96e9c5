rule report:
    """Render the tables as a site that opens from file://."""
    input:
        tables=rules.tables.output,
        templates=sorted(map(str, (LAB.root / "reports").rglob("*.*"))),
        code=sorted(map(str, (LAB.root / "scripts/replab/report").glob("*.py"))),
    output:
        REPORT,
    log:
        f"{RESULTS}/logs/report.log",
    container:
        None
    shell:
        "{STEP} report --config {SETTINGS} --out {output} > {log} 2>&1"
