# Nothing is declared as output: Snakemake removes outputs before it makes them again, and what is published stays.
rule publish:
    """Make an immutable version of the site from the report, its tables and everything they rest on."""
    input:
        lab_workflow.reported(LAB),
        REPORT,
    log:
        f"{RESULTS}/logs/publish.log",
    params:
        **CALL,
        options=lab_workflow.publication(config),
    shell:
        "{params.step} publish --config {params.settings:q} --name {params.options} --reads {input:q} 2>&1 | tee {log:q}"
