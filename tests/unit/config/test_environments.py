"""Reading env.toml and groups.toml: every fault has its place, and names can be chosen by group."""

import re
from pathlib import Path

import pytest

from replab.config.environments import load_environments, load_groups, select
from replab.errors import ConfigErrors
from replab.images.bases import load_bases
from replab.model import Cuda

REPOSITORY = Path(__file__).parents[3]
GOOD = """
framework = "tensorflow"
version = "1.15.0"
python = "3.7"
order = 10
modes = ["eager", "session"]
requirements = ["tensorflow-cpu==1.15.0", "numpy<1.19", "--no-binary gast"]
"""

GPU = '[cuda]\narchitectures = ["8.0"]\ndriver = "525"\n'
CUDA = f'devices = ["cpu", "cuda"]\n{GPU}'


def write(containers: Path, name: str, text: str = GOOD) -> None:
    (containers / name).mkdir(parents=True)
    (containers / name / "env.toml").write_text(text)


def faults_of(containers: Path) -> list[str]:
    with pytest.raises(ConfigErrors) as caught:
        load_environments(containers)
    return [str(fault) for fault in caught.value.faults]


@pytest.fixture
def containers(tmp_path: Path) -> Path:
    return tmp_path / "containers"


def test_an_environment_is_read_as_written(containers: Path) -> None:
    write(containers, "tf-1.15", GOOD + 'devices = ["cpu", "cuda"]\nnote = "Old."\n[variables]\nTF_NAME = "1"\n' + GPU)
    (environment,) = load_environments(containers)
    assert environment.name == "tf-1.15"
    assert environment.version == "1.15.0"
    assert environment.python == "3.7"
    assert environment.modes == ("eager", "session")
    assert environment.requirements == ("tensorflow-cpu==1.15.0", "numpy<1.19", "--no-binary gast")
    assert environment.devices == ("cpu", "cuda")
    assert environment.variables == {"TF_NAME": "1"}
    assert environment.lock == containers / "tf-1.15" / "cpu.lock"


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        (
            'pyhton = "3.7"',
            (
                "containers/e/env.toml: pyhton: unknown key. Did you mean 'python'? "
                "Known: framework, version, python, modes, order, requirements, devices, index, variables, note, base, cuda"
            ),
        ),
        ('devices = ["tpu"]', "containers/e/env.toml: devices: unknown value 'tpu'. Did you mean 'cpu'? Known: cpu, cuda"),
        (
            'devices = ["cpu", "cuda"]',
            (
                "containers/e/env.toml: devices: cpu, cuda without a table [cuda]. "
                "An environment with a table [cuda] has 'cuda' among its devices, and the other way round"
            ),
        ),
        (
            '[cuda]\narchitectures = ["8.0"]\ndriver = "525"',
            (
                "containers/e/env.toml: devices: cpu with a table [cuda]. "
                "An environment with a table [cuda] has 'cuda' among its devices, and the other way round"
            ),
        ),
        ('base = "Python 3"', "containers/e/env.toml: base: 'Python 3' is not the key of a base image in containers/bases.toml"),
        ("cuda = 3", "containers/e/env.toml: cuda: 3 is not a table"),
        (
            CUDA.replace("driver", "drivers"),
            (
                "containers/e/env.toml: cuda: drivers: unknown key. Did you mean 'driver'? Known: architectures, driver, ptx, base, requirements"
                "|containers/e/env.toml: cuda: driver: this key is missing"
            ),
        ),
        (CUDA.replace('"525"', "525"), "containers/e/env.toml: cuda: driver: 525 is not a driver version such as 525"),
        (CUDA.replace('"8.0"', '"sm_80"'), "containers/e/env.toml: cuda: architectures: 'sm_80' is not a compute capability such as 8.0"),
        (CUDA + 'ptx = "9"', "containers/e/env.toml: cuda: ptx: '9' is not a compute capability such as 9.0"),
        (
            CUDA + 'requirements = ["tensorflow==2.0"]',
            "containers/e/env.toml: cuda: requirements: none of them pins the framework to 1.15.0. Add a line with '==' and that version",
        ),
        ('index = "somewhere"', "containers/e/env.toml: index: 'somewhere' is not a URL"),
        ("note = 3", "containers/e/env.toml: note: 3 is not a text"),
        (
            "variables = { lower = '1' }",
            "containers/e/env.toml: variables: {'lower': '1'} is not a table of printable texts with names such as TF_NAME",
        ),
    ],
)
def test_a_wrong_additional_line_is_named(containers: Path, line: str, fault: str) -> None:
    write(containers, "e", GOOD + line + "\n")
    assert faults_of(containers) == fault.split("|")


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("order = 10\n", "", "containers/e/env.toml: order: this key is missing"),
        ("order = 10", 'order = "10"', "containers/e/env.toml: order: '10' is not a whole number from 0 up to 1000000"),
        ("order = 10", "order = true", "containers/e/env.toml: order: True is not a whole number from 0 up to 1000000"),
        ('"3.7"', '"3.7.16"', "containers/e/env.toml: python: '3.7.16' is not a minor version such as 3.11"),
        ('"3.7"', "3.7", "containers/e/env.toml: python: 3.7 is not a minor version such as 3.11"),
        (
            '"tensorflow"',
            '"tensorfow"',
            "containers/e/env.toml: framework: unknown value 'tensorfow'. Did you mean 'tensorflow'? Known: numpy, tensorflow, torch",
        ),
        ('"session"', '"script"', "containers/e/env.toml: modes: unknown value 'script'. Known: eager, session, function, xla"),
        ('["eager", "session"]', '["eager", "eager"]', "containers/e/env.toml: modes: 'eager' stands there more than once"),
        (
            "==1.15.0",
            "==1.15",
            "containers/e/env.toml: requirements: none of them pins the framework to 1.15.0. Add a line with '==' and that version",
        ),
        (
            '"--no-binary gast"',
            '"--index-url x"',
            "containers/e/env.toml: requirements: '--index-url x' is not NAME==VERSION or '--no-binary NAME'",
        ),
        (
            'framework = "tensorflow"',
            'framework = "tensorflow',
            "containers/e/env.toml: is not valid TOML: Illegal character '\\n' (at line 2, column 24)",
        ),
    ],
)
def test_a_wrong_value_is_named(containers: Path, old: str, new: str, fault: str) -> None:
    write(containers, "e", GOOD.replace(old, new))
    assert faults_of(containers) == [fault]


def test_all_faults_of_all_files_are_told_at_once(containers: Path) -> None:
    write(containers, "Tf", GOOD)
    write(containers, "b", GOOD.replace("order = 10\n", "").replace('python = "3.7"\n', ""))
    (containers / "groups.toml").write_text('all = ["b"]\n')
    assert faults_of(containers) == [
        "containers/Tf/env.toml: 'Tf' is no name for an environment. Use a-z, 0-9, '.', '_', '-'; 40 at most",
        "containers/b/env.toml: python: this key is missing",
        "containers/b/env.toml: order: this key is missing",
        "containers/groups.toml: all: this name is taken. 'all' is made by the lab, and a group may not be named like an environment",
    ]


def test_two_versions_cannot_have_the_same_order(containers: Path) -> None:
    write(containers, "a")
    write(containers, "b")
    assert faults_of(containers) == ["containers/b/env.toml: order: 10 is taken by a already. Give each version an order of its own"]


@pytest.mark.parametrize("copy", ["a", "c"])
def test_a_copied_environment_with_the_order_of_the_original_is_the_one_to_mend(copy: str, containers: Path, tmp_path: Path) -> None:
    write(containers, "b")
    users = tmp_path / "mine" / "containers"
    write(users, copy)
    with pytest.raises(ConfigErrors) as caught:
        load_environments(containers, users)
    assert [str(fault) for fault in caught.value.faults] == [
        f"containers/{copy}/env.toml: order: 10 is taken by b already. Give each version an order of its own"
    ]


def test_a_folder_without_environments_is_a_fault(tmp_path: Path) -> None:
    assert faults_of(tmp_path) == [f"{tmp_path}: no environment is defined. Expected containers/NAME/env.toml"]


def test_a_group_names_existing_environments(containers: Path) -> None:
    write(containers, "tf-1.15")
    (containers / "groups.toml").write_text('core = ["tf-115"]\n')
    assert faults_of(containers) == ["containers/groups.toml: core: unknown environment 'tf-115'. Did you mean 'tf-1.15'? Known: tf-1.15"]


def test_groups_are_known_to_their_members(containers: Path) -> None:
    write(containers, "tf-1.15")
    write(
        containers,
        "tf-1.14",
        GOOD.replace("order = 10", "order = 5").replace("]\nrequirements", ']\ndevices = ["cuda"]\nrequirements') + GPU,
    )
    (containers / "groups.toml").write_text('core = ["tf-1.15"]\nold = ["tf-1.15", "tf-1.14"]\n')
    assert {e.name: e.groups for e in load_environments(containers)} == {"tf-1.14": ("old",), "tf-1.15": ("all", "core", "old")}
    assert load_groups(containers) == {"all": ("tf-1.15",), "core": ("tf-1.15",), "old": ("tf-1.14", "tf-1.15")}


def test_the_carried_environments_are_sound() -> None:
    environments = load_environments(REPOSITORY / "containers")
    assert [e.name for e in select(environments, load_groups(REPOSITORY / "containers"), "core")] == [
        "numpy-2.5",
        "tf-1.15",
        "tf-2.21",
        "torch-2.13",
    ]
    assert len(environments) == 13
    assert [e.name for e in environments if "all" not in e.groups] == ["tf-1.15-nv"]
    assert [e.name for e in environments if "cuda" not in e.devices] == [
        "numpy-1.18",
        "numpy-1.26",
        "numpy-2.5",
        "tf-1.15",
        "both-2.21-2.13",
    ]
    assert [e.name for e in environments if not e.modes] == ["both-2.21-2.13"]


def test_an_environment_of_gpus_alone_needs_no_requirements(containers: Path) -> None:
    write(containers, "e", re.sub(r"requirements = .*\n", 'devices = ["cuda"]\n', GOOD) + GPU)
    (environment,) = load_environments(containers)
    assert (environment.requirements, environment.base_key(), environment.base_key("cuda")) == ((), "python-3.7", "python-3.7")
    assert environment.cuda == Cuda(architectures=("8.0",), driver="525")


def test_every_base_that_an_environment_names_exists() -> None:
    known = load_bases(REPOSITORY)
    named = {e.base_key(device) for e in load_environments(REPOSITORY / "containers") for device in e.devices}
    assert named <= set(known)
    compiled = {e.name for e in load_environments(REPOSITORY / "containers") if "compile" in e.modes}
    assert compiled == {e.name for e in load_environments(REPOSITORY / "containers") if e.base_key().endswith("-gcc")}


@pytest.mark.parametrize("wanted", ["tf-2.4,core", "core tf-2.4", "tf-2.4 ,  core,tf-2.4", ["tf-2.4", "core"], ["core, tf-2.4"]])
def test_names_and_groups_can_be_mixed(wanted: str | list[str]) -> None:
    containers = REPOSITORY / "containers"
    chosen = select(load_environments(containers), load_groups(containers), wanted)
    assert [e.name for e in chosen] == ["numpy-2.5", "tf-1.15", "tf-2.4", "tf-2.21", "torch-2.13"]


def test_unknown_names_are_told_with_a_guess(containers: Path) -> None:
    write(containers, "tf-1.15")
    environments, groups = load_environments(containers), load_groups(containers)
    with pytest.raises(ConfigErrors) as caught:
        select(environments, groups, "tf1.15, zzz")
    assert str(caught.value).splitlines() == [
        "environments: unknown environment or group 'tf1.15'. Did you mean 'tf-1.15'? Known: tf-1.15, all",
        "environments: unknown environment or group 'zzz'. Known: tf-1.15, all",
    ]
    with pytest.raises(ConfigErrors) as caught:
        select(environments, groups, " ,")
    assert str(caught.value) == "environments: no environment is asked for. Known: tf-1.15, all"
