wildcard_constraints:
    job=f"{lab_workflow.any_batch(LAB)}|(?:observe|defaults)--(?:{lab_workflow.one_of(ENVIRONMENTS)})",


rule sif:
    """Make the file that Apptainer enters."""
    input:
        f"{RESULTS}/images/{{environment}}.json",
    output:
        f"{RESULTS}/images/{{environment}}.sif",
    log:
        f"{RESULTS}/logs/sif/{{environment}}.log",
    container:
        on_the_host
    params:
        step=STEP,
        settings=SETTINGS,
    shell:
        "{params.step} sif --config {params.settings:q} --name {wildcards.environment:q} --reads {input:q} > {log:q} 2>&1"


rule ask:
    """Write what a job inside an image is asked."""
    input:
        lambda wildcards: lab_workflow.asked_from(LAB, wildcards.job),
        probe=PROBE,
        policy=POLICY,
        code=lab_workflow.asking_code(LAB),
    output:
        f"{RESULTS}/inside/{{job}}.json",
    log:
        f"{RESULTS}/logs/ask/{{job}}.log",
    container:
        on_the_host
    params:
        step=STEP,
        settings=SETTINGS,
    shell:
        "{params.step} ask --config {params.settings:q} --name {wildcards.job:q} > {log:q} 2>&1"


rule inside:
    """Run inside the image, which Snakemake enters: the lab's own Python is not there."""
    input:
        request=f"{RESULTS}/inside/{{job}}.json",
        image=lambda wildcards: lab_workflow.sif(LAB, wildcards.job),
        code=lab_workflow.own(LAB, "scripts/sandbox/apptainer/supervisor.py"),
    output:
        f"{RESULTS}/inside/{{job}}.done.json",
    log:
        f"{RESULTS}/logs/inside/{{job}}.log",
    priority: 60
    container:
        container_of
    resources:
        mem_mb=lambda wildcards, attempt: ASKS.memory_mb("inside", wildcards.job, attempt),
        runtime=lambda wildcards, attempt: ASKS.minutes("inside", wildcards.job, attempt),
    params:
        command=lambda wildcards: lab_workflow.inside_command(LAB, wildcards.job),
    shell:
        "({params.command}) > {log:q} 2>&1"
