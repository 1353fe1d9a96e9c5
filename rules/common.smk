# Wiring only: the lab is read once, and rules get names from it. Whatever decides something lives in scripts/replab, where it is tested.
import gc
import shlex
import sys
from pathlib import Path

gc.set_threshold(50_000, 20, 50)  # what a workflow reads at its start stays: looking through it again and again took a quarter of that time

from replab.workflow import temporary

temporary.begin(config, Path(workflow.basedir), Path(workflow.snakemake_tmp_dir))

from replab import ids
from replab.freshness import jobs
from replab.workflow import resources, snakefile as lab_workflow

LAB = lab_workflow.open_lab(config, Path(workflow.basedir))
RESULTS = lab_workflow.relative(LAB, LAB.results.root)
SETTINGS = lab_workflow.relative(LAB, LAB.results.settings)
CALL = {
    "step": f"{shlex.quote(sys.executable)} -I -S {shlex.quote(str(LAB.root / 'scripts/step.py'))}",
    "settings": SETTINGS,
}
REPORT = lab_workflow.relative(LAB, LAB.results.report)
ENVIRONMENTS = [one.name for one in LAB.environments]
FAMILIES = {one.name: one for one in LAB.families}
BASES = [
    lab_workflow.lab_file(LAB, "containers/bases.toml"),
    lab_workflow.relative(LAB, LAB.bases) if LAB.bases else lab_workflow.lab_file(LAB, "containers/bases.lock"),
]
POLICY = lab_workflow.lab_file(LAB, "containers/policy.toml")
ASKS = resources.Asks(LAB)
PROBE = sorted(str(path) for path in (LAB.root / "scripts/sandbox/probe").glob("*.py"))


def on_the_host(wildcards):
    """Where every job runs: its engine isolates what is to be isolated, Snakemake enters nothing."""
    return None


container: on_the_host


wildcard_constraints:
    environment=lab_workflow.one_of(one.build_name(device) for one, device in jobs.builds(LAB)),
    family=lab_workflow.one_of(FAMILIES),
    batch=lab_workflow.any_batch(LAB),
    shard=r"\d+",


onstart:
    lab_workflow.note_start(LAB, cores=lab_workflow.slots(workflow.resource_settings))
    lab_workflow.stop_polling(workflow)
    lab_workflow.ignore_times(workflow)
    lab_workflow.warm_up(workflow, Path(SETTINGS))


onerror:
    lab_workflow.end_interrupted()


lab_workflow.keep_handlers(workflow, onstart, onerror)


if lab_workflow.is_main_process() and not lab_workflow.is_dry_run():
    lab_workflow.refuse_cores(workflow.resource_settings)
    lab_workflow.note_interrupt(workflow)
    lab_workflow.claim(LAB)
    lab_workflow.sweep_temporary(LAB, workflow)
    lab_workflow.write_settings(config, LAB, Path(SETTINGS))
if lab_workflow.is_main_process():
    lab_workflow.forget_stale(LAB)
