rule environment:
    """Build one environment from its lock and observe it from inside."""
    input:
        toml="containers/{environment}/env.toml",
        lock="containers/{environment}/cpu.lock",
        probe=PROBE,
    output:
        f"{RESULTS}/environments/{{environment}}.json",
    log:
        f"{RESULTS}/logs/environment/{{environment}}.log",
    container:
        None
    params:
        engine=LAB.engine,
    priority: 100
    shell:
        "{STEP} environment --config {SETTINGS} --name {wildcards.environment} --out {output} > {log} 2>&1"
