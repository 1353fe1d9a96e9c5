rule images:
    """Build the container image of every selected environment: snakemake images --config environments=…"""
    input:
        [f"{RESULTS}/images/{name}.json" for name in ENVIRONMENTS],


rule image:
    """Build one image from its base, its lock and the recipe, and look at it from inside."""
    input:
        toml=lambda wildcards: lab_workflow.environment_file(LAB, wildcards.environment),
        lock=lambda wildcards: lab_workflow.lock_file(LAB, wildcards.environment),
        recipe=lab_workflow.lab_file(LAB, "containers/Dockerfile"),
        bases=BASES,
    output:
        f"{RESULTS}/images/{{environment}}.json",
    log:
        f"{RESULTS}/logs/image/{{environment}}.log",
    params:
        **CALL,
        builder=LAB.builder,
    shell:
        "{params.step} image --config {params.settings:q} --name {wildcards.environment:q} --reads {input:q} --makes {output:q} > {log:q} 2>&1"


if ("images" in sys.argv or LAB.engine in jobs.IMAGE_ENGINES) and lab_workflow.is_main_process() and not lab_workflow.is_dry_run():
    lab_workflow.forget_missing_images(LAB)
