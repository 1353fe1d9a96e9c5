rule elsewhere:
    """Compare the cells with their results on other engines and machines, as far as they lie in the store."""
    input:
        tables=rules.tables.output,
        known=lambda wildcards: lab_workflow.known_elsewhere(LAB),
        code=lab_workflow.code_of(LAB, "elsewhere"),
    output:
        cells=f"{RESULTS}/elsewhere.parquet",
        platforms=f"{RESULTS}/platforms.parquet",
    log:
        f"{RESULTS}/logs/elsewhere.log",
    resources:
        **ASKS.resources("elsewhere"),
    params:
        **CALL,
    shell:
        "{params.step} elsewhere --config {params.settings:q} --reads {input:q} --makes {output:q} > {log:q} 2>&1"


rule report:
    """Render the tables as a site that opens from file://."""
    input:
        lab_workflow.reported(LAB),
        templates=sorted(map(str, (LAB.root / "reports").rglob("*.*"))),
        code=lab_workflow.code_of(LAB, "report"),
    output:
        REPORT,
    log:
        f"{RESULTS}/logs/report.log",
    resources:
        **ASKS.resources("report"),
    params:
        **CALL,
    shell:
        "{params.step} report --config {params.settings:q} --reads {input:q} --makes {output:q} > {log:q} 2>&1"
