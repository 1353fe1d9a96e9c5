rule batch:
    """Run all cells of a family in one environment: one sandbox imports the framework once."""
    input:
        environment=lambda wildcards: lab_workflow.facts_file(LAB, ids.parse_batch_id(wildcards.batch)),
        image=ancient(lambda wildcards: lab_workflow.image_notes(LAB, lab_workflow.place_of(LAB, ids.parse_batch_id(wildcards.batch)))),
        index=lambda wildcards: lab_workflow.indices(LAB, ids.parse_batch_id(wildcards.batch)),
        impl=lambda wildcards: lab_workflow.implementations(LAB, ids.parse_batch_id(wildcards.batch)),
        probe=PROBE,
    output:
        f"{RESULTS}/batches/{{batch}}.json",
    log:
        f"{RESULTS}/logs/batch/{{batch}}.log",
    priority: 50
    resources:
        **ASKS.resources("batch", "{batch}"),
        cpus_per_task=lambda wildcards: ASKS.cpus(wildcards.batch),
        gpu=lambda wildcards: ASKS.gpus(wildcards.batch),
    params:
        **CALL,
        sandbox=lambda wildcards: f"{RESULTS}/logs/batch/{wildcards.batch}.sandbox.log",
    shell:
        "{params.step} batch --config {params.settings:q} --name {wildcards.batch:q} --log {params.sandbox:q} --reads {input:q} --makes {output:q} > {log:q} 2>&1"
