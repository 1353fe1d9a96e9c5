"""Everything that can be wrong in the configuration is said in one sentence with its place, and all of it at once."""

from __future__ import annotations

import pytest

from replab.config import loading
from replab.config.cases import KINDS
from replab.config.settings import path_fault, read_config, words
from replab.errors import ConfigError, ConfigErrors

ENV = 'framework = "numpy"\nversion = "2.4.1"\npython = "3.11"\norder = 1\nmodes = ["eager"]\nrequirements = ["numpy==2.4.1"]\n'
EXPERIMENT = """
title = "T"
question = "Q"
[generators.reals]
kind = "float_range"
[cases]
exp = { inputs = { x = "reals" }, derivatives = 2, special = true }
log = { inputs = { x = "reals" }, dtypes = ["float32"] }
"""
CODE = "def exp(x):\n    return x\n\n\ndef log(x):\n    return x\n"


@pytest.fixture
def root(tmp_path):
    (tmp_path / "containers" / "numpy-2.4").mkdir(parents=True)
    (tmp_path / "containers" / "numpy-2.4" / "env.toml").write_text(ENV, encoding="utf-8")
    (tmp_path / "containers" / "groups.toml").write_text('core = ["numpy-2.4"]\n', encoding="utf-8")
    family(tmp_path)
    return tmp_path


def family(root, text=EXPERIMENT, name="ops", reference=CODE, impl=CODE):
    folder = root / "experiments" / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "experiment.toml").write_text(text, encoding="utf-8")
    for file, source in (("reference.py", reference), ("impl_numpy.py", impl)):
        if source is not None:
            (folder / file).write_text(source, encoding="utf-8")


def faults(root, **settings):
    with pytest.raises(ConfigErrors) as caught:
        loading.load_lab(settings, root)
    assert str(caught.value) == "\n".join(map(str, caught.value.faults))
    return str(caught.value).splitlines()


def cases(line):
    """An experiment whose only case is ``line``."""
    return EXPERIMENT.partition("[cases]")[0] + "[cases]\n" + line + "\n"


def test_a_good_configuration_becomes_a_lab(root):
    lab = loading.load_lab({}, root)
    assert [one.name for one in lab.environments] == ["numpy-2.4"]
    assert [case.name for case in lab.families[0].cases] == ["exp", "exp.special", "log"]
    special = lab.families[0].cases[1]
    assert (special.special, special.derivatives, special.function) == (True, 0, "exp")
    assert (lab.points, lab.results.root, lab.engine) == (2**15, root / "results", "uv")
    assert loading.load_lab({"coverage": "full"}, root).points == 1_000_000


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"enviroments": "core"}, "config: unknown key 'enviroments'. Did you mean 'environments'?"),
        (
            {"environments": "numpy-2.5"},
            "environments: unknown environment or group 'numpy-2.5'. Did you mean 'numpy-2.4'? Known: numpy-2.4, all, core",
        ),
        ({"families": "opss"}, "config: families: there is no family 'opss'. Did you mean 'ops'?"),
        ({"variants": "fast"}, "config: variants: there is no variant 'fast'. Known: default"),
        ({"points": 0}, "config: points: must be a positive number, not 0"),
        ({"points": "many"}, "config: points: must be a positive number, not 'many'"),
        ({"cell_seconds": True}, "config: cell_seconds: must be a positive number, not True"),
        ({"cell_memory_mb": -1}, "config: cell_memory_mb: must be a positive number, not -1"),
        ({"results": ""}, "config: results: must be a word, not ''"),
        ({"cache": 3}, "config: cache: must be a word, not 3"),
        ({"families": 3}, "config: must be a name or a list of names, not 3"),
        (
            {"environments": None},
            "environments: must be names of environments or groups, not None. Nothing stands behind the name of the setting",
        ),
        ({"environments": 5}, "environments: must be names of environments or groups, not 5. For example core, or tf-1.15,torch-2.13"),
        ({"environments": [5]}, "environments: must be names of environments or groups, not [5]. For example core, or tf-1.15,torch-2.13"),
        ({"environments": ""}, "environments: no environment is asked for. Known: numpy-2.4, all, core"),
        ({"families": ""}, "config: families: no family is asked for. Say all, or names of families"),
        ({"coverage": [1]}, "config: coverage: must be quick or full, not [1]"),
        ({"points": float("inf")}, "config: points: must be a positive number, not inf"),
        ({"points": float("nan")}, "config: points: must be a positive number, not nan"),
        ({"points": 10**400}, "config: points: must be a positive number, not a number of 1329 bits"),
        ({"points": 1.5}, "config: points: must be a whole number, not 1.5"),
        ({"points": 10**12}, "config: points: must be at most 134217728, not 1000000000000"),
        ({"cell_memory_mb": float("inf")}, "config: cell_memory_mb: must be a positive number, not inf"),
        ({"cell_memory_mb": 0.5}, "config: cell_memory_mb: must be 1 or more, not 0.5"),
        ({"results": "/dev/null/x"}, "config: results: /dev/null is a device, not a folder. Name another place"),
        ({"results": "/etc/passwd"}, "config: results: /etc/passwd is a file, not a folder. Name another place"),
        (
            {"results": "-n"},
            "config: results: begins with -, which commands and shells read as something else: write ./-n, or the whole path. Name another place",
        ),
        ({"cache": "a{b}"}, "config: cache: has { and }, which Snakemake reads as a wildcard. Name another place"),
        ({"results": "a\nb"}, "config: results: has control characters or letters that cannot be seen. Name another place"),
        ({"results": "a\0b"}, "config: results: has control characters or letters that cannot be seen. Name another place"),
        (
            {"results": "\udcc3\udcbc"},
            "config: results: has bytes that are no text here: rename it, or use a locale with UTF-8, such as LC_ALL=C.UTF-8. Name another place",
        ),
        ({"results": "x" * 300}, "config: results: is too long: 1024 bytes at most, 255 for one name. Name another place"),
        ({"experiments": "a{b}"}, "config: experiments: a{b}: has { and }, which Snakemake reads as a wildcard"),
        ({"variants": {"a": 1}}, "config: variants: must be a name or a list of names, not {'a': 1}"),
    ],
)
def test_a_wrong_setting_is_one_sentence(root, settings, expected):
    assert faults(root, **settings) == [expected]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            'exp = { inputs = { x = "reals" }, derivates = 1 }',
            "experiments/ops/experiment.toml: cases.exp: unknown key 'derivates'. Did you mean 'derivatives'?",
        ),
        (
            'exp = { inputs = { x = "reals" }, derivatives = "one" }',
            "experiments/ops/experiment.toml: cases.exp: derivatives must be a whole number, not 'one'",
        ),
        (
            'exp = { inputs = { x = "reals" }, derivatives = true }',
            "experiments/ops/experiment.toml: cases.exp: derivatives must be a whole number, not True",
        ),
        ('exp = { inputs = "reals" }', "experiments/ops/experiment.toml: cases.exp: inputs must be a table, not 'reals'"),
        ("exp = { }", "experiments/ops/experiment.toml: cases.exp: needs inputs"),
        ('exp = "x"', "experiments/ops/experiment.toml: cases.exp: must be a table"),
        (
            'exp = { inputs = { x = "realz" } }',
            "experiments/ops/experiment.toml: cases.exp: input 'x' names no generator 'realz'. Did you mean 'reals'?",
        ),
        (
            'exp = { inputs = { x = { kind = "norml" } } }',
            "experiments/ops/experiment.toml: cases.exp: generators.x: there is no kind 'norml'. Did you mean 'normal'?",
        ),
        (
            "exp = { inputs = { x = { shape = [3] } } }",
            f"experiments/ops/experiment.toml: cases.exp: generators.x: needs a kind. Known: {', '.join(KINDS)}",
        ),
        (
            'exp = { inputs = { x = "reals" }, dtypes = ["float31"] }',
            "experiments/ops/experiment.toml: cases.exp: there is no dtype 'float31'. Did you mean 'float32'?",
        ),
        (
            'exp = { inputs = { x = "reals" }, constants = ["y"] }',
            "experiments/ops/experiment.toml: cases.exp: constants names no input 'y'",
        ),
        (
            'exp = { inputs = { x = "reals" }, control = { expect = "magic" } }',
            'experiments/ops/experiment.toml: cases.exp: control must read { expect = "rounding" } or { expect = "semantic", factor = "…" }',
        ),
        (
            'Exp = { inputs = { x = "reals" }, function = "exp" }',
            "experiments/ops/experiment.toml: cases.Exp: 'Exp' cannot name a case. Use lower-case letters, digits, '.', '-' and '_', starting with a letter or digit, at most 60 characters",
        ),
        (
            'exp = { inputs = { x = "reals" }, modes = ["eagre"] }',
            "experiments/ops/experiment.toml: cases.exp: there is no mode 'eagre'. Did you mean 'eager'?",
        ),
        (
            'exp = { inputs = { x = "reals" }, measure = ["tim"] }',
            "experiments/ops/experiment.toml: cases.exp: cannot measure 'tim'. Did you mean 'time'?",
        ),
        (
            'exp = { inputs = { x = "reals" }, measure_compiled = ["tim"] }',
            "experiments/ops/experiment.toml: cases.exp: cannot measure 'tim'. Did you mean 'time'?",
        ),
        (
            'exp = { inputs = { x = "reals" }, compile = "value" }',
            "experiments/ops/experiment.toml: cases.exp: compile must be true, false or \"values\", not 'value'",
        ),
        (
            'exp = { inputs = { x = "reals" }, subject = "adam" }',
            "experiments/ops/experiment.toml: cases.exp: there is no subject 'adam'. Declare it as a table of [subjects]",
        ),
        (
            'exp = { inputs = { x = "reals" }, factors = { beta = 3 } }',
            "experiments/ops/experiment.toml: cases.exp: factors.beta: needs a value `aligned`. Such as { aligned = 1e-5, alternatives = [1e-3] }",
        ),
        (
            'exp = { inputs = { x = "reals" }, constants = [[]] }',
            "experiments/ops/experiment.toml: cases.exp: constants: must be a list of names, not of []",
        ),
        (
            'exp = { inputs = { x = "reals" }, modes = [[]] }',
            "experiments/ops/experiment.toml: cases.exp: modes: must be a list of names, not of []",
        ),
        (
            'exp = { inputs = { x = "reals" }, derivatives = -3 }',
            "experiments/ops/experiment.toml: cases.exp: derivatives must be 0 to 4, not -3",
        ),
        (
            'exp = { inputs = { x = "reals" }, derivatives = 1000000 }',
            "experiments/ops/experiment.toml: cases.exp: derivatives must be 0 to 4, not 1000000",
        ),
        (
            'exp = { inputs = { x = "reals" }, dtypes = [] }',
            "experiments/ops/experiment.toml: cases.exp: dtypes is empty: nothing would be run. Known: float32, float64, float16, bfloat16, int32, int64, bool",
        ),
        (
            'exp = { inputs = { x = { kind = "normal", shape = [1000000000000] } } }',
            "experiments/ops/experiment.toml: cases.exp: generators.x.shape: has 1000000000000 elements, and an input may have 134217728",
        ),
        (
            'exp = { inputs = { x = { kind = "normal", shape = [3, 0] } } }',
            "experiments/ops/experiment.toml: cases.exp: generators.x.shape: has no element, and nothing can be computed of it",
        ),
        (
            'exp = { inputs = { x = { kind = "normal", shape = [3], scale = nan } } }',
            "experiments/ops/experiment.toml: cases.exp: generators.x.scale: must be a finite number, not nan",
        ),
        (
            'exp = { inputs = { x = { kind = "uniform", shape = [3], lo = -inf } } }',
            "experiments/ops/experiment.toml: cases.exp: generators.x.lo: must be a finite number, not -inf",
        ),
        (
            'exp = { inputs = { x = { kind = "integers", shape = [3], lo = 3, hi = 1 } } }',
            "experiments/ops/experiment.toml: cases.exp: generators.x: lo must be below hi, and both within ±9007199254740992 for int64",
        ),
        (
            'exp = { inputs = { x = { kind = "float_range", lo = 1e-10, hi = 2e-10 } } }',
            "experiments/ops/experiment.toml: cases.exp: x: between lo and hi lies no normal number of float16",
        ),
        (
            'exp = { inputs = { x = { kind = "float_range", lo = 65.0, hi = 70.0 } }, derivatives = 1 }',
            "experiments/ops/experiment.toml: cases.exp: x: between lo and hi lies no normal number of float32 within ±64, where derivatives are taken",
        ),
        (
            'exp = { inputs = { x = "reals" }, parameters = { day = 2026-01-01 } }',
            "experiments/ops/experiment.toml: cases.exp: parameters.day: is a date, which cannot be passed on: numbers, texts, true, false and lists of these can",
        ),
        (
            'exp = { inputs = { x = "reals" }, parameters = { t = { a = 1 } } }',
            "experiments/ops/experiment.toml: cases.exp: parameters.t: is a dict, which cannot be passed on: numbers, texts, true, false and lists of these can",
        ),
        (
            'exp = { inputs = { x = "reals" }, parameters = { n = 9223372036854775808 } }',
            "experiments/ops/experiment.toml: cases.exp: parameters.n: is 9223372036854775808, and a whole number has 64 bits",
        ),
        ("", "experiments/ops/experiment.toml: has no cases"),
    ],
)
def test_a_wrong_case_is_one_sentence(root, line, expected):
    family(root, cases(line))
    assert faults(root) == [expected]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ('title = "T"', "", "experiments/ops/experiment.toml: needs a title"),
        ('question = "Q"', "question = 3", "experiments/ops/experiment.toml: needs a question"),
        ('title = "T"', 'title = "T"\nsubject = "x"', "experiments/ops/experiment.toml: unknown key 'subject'. Did you mean 'subjects'?"),
        (
            "[cases]",
            "[leave_out]\ncompil = 'x'\n[cases]",
            "experiments/ops/experiment.toml: leave_out: there is no mode 'compil'. Did you mean 'compile'?",
        ),
        (
            'kind = "float_range"',
            'kind = "float_rang"',
            "experiments/ops/experiment.toml: generators.reals: there is no kind 'float_rang'. Did you mean 'float_range'?",
        ),
    ],
)
def test_a_wrong_experiment_is_named(root, before, after, expected):
    family(root, EXPERIMENT.replace(before, after))
    assert faults(root)[0] == expected


def test_broken_toml_is_named_with_its_line(root):
    family(root, "title = \n")
    assert faults(root) == ["experiments/ops/experiment.toml: is not valid TOML: Invalid value (at line 1, column 9)"]


def test_two_cases_with_one_name_are_named(root):
    family(root, EXPERIMENT + 'exp = { inputs = { x = "reals" } }\n')
    [line] = faults(root)
    assert line.startswith("experiments/ops/experiment.toml: gives one name twice: ")
    assert line.endswith(". Two cases (or tables) of a family cannot have the same name")


def test_a_missing_function_is_named_with_the_case_that_needs_it(root):
    (root / "experiments" / "ops" / "impl_torch.py").write_text("def exp(x):\n    return x\n", encoding="utf-8")
    assert faults(root) == ["ops/impl_torch.py: has no function 'log'. The case 'log' of experiments/ops/experiment.toml needs it"]


def test_missing_files_are_named(root):
    family(root, name="more", reference=None, impl=None)
    assert faults(root) == [
        "experiments/more/experiment.toml: needs a reference.py beside it",
        "experiments/more/experiment.toml: needs impl_numpy.py, impl_tf.py or impl_torch.py beside it: NumPy cannot run its reference",
    ]


def test_broken_python_is_named_with_its_line(root):
    family(root, impl="def exp(x):\n    return (\n")
    [line] = faults(root)
    assert line.endswith("impl_numpy.py:2: is not valid Python: '(' was never closed")


def test_a_file_that_is_no_python_costs_its_own_family_unless_it_was_asked_for(root):
    family(root, name="broken", impl="def exp(x):\n    return (\n")
    lab = loading.load_lab({}, root)
    assert [one.name for one in lab.families] == ["ops"]
    said = f"{root}/experiments/broken/impl_numpy.py:2: is not valid Python: '(' was never closed"
    assert lab.left_out == (f"a family is left out: {said}",)
    assert faults(root, families="broken,ops") == [said]
    (root / "experiments" / "broken" / "experiment.toml").write_text("[cases]\n")
    assert said in faults(root), "what else is wrong is told with it"


def test_a_family_in_two_folders_is_named(root):
    other = root / "mine"
    (other / "ops").mkdir(parents=True)
    (other / "ops" / "experiment.toml").write_text(EXPERIMENT, encoding="utf-8")
    for file in ("reference.py", "impl_numpy.py"):
        (other / "ops" / file).write_text(CODE, encoding="utf-8")
    [line] = faults(root, experiments=["experiments", "mine"])
    assert line == f"{other}/ops/experiment.toml: the family 'ops' exists twice. The other is {root}/experiments/ops/experiment.toml"
    assert faults(root, experiments=["nowhere", "experiments"]) == [
        f"{root}/nowhere: is not a folder of experiments. Mend `experiments` in the configuration"
    ]


def test_all_faults_come_at_once(root):
    family(root, cases('exp = { inputs = { x = "realz" }, dtypes = ["float31"] }\nlog = { }'))
    found = faults(root, enviroments="x", environments="numpy-9", points=-1)
    assert found == [
        "config: unknown key 'enviroments'. Did you mean 'environments'?",
        "environments: unknown environment or group 'numpy-9'. Did you mean 'numpy-2.4'? Known: numpy-2.4, all, core",
        "experiments/ops/experiment.toml: cases.exp: input 'x' names no generator 'realz'. Did you mean 'reals'?",
        "experiments/ops/experiment.toml: cases.exp: there is no dtype 'float31'. Did you mean 'float32'?",
        "experiments/ops/experiment.toml: cases.log: needs inputs",
        "config: points: must be a positive number, not -1",
    ]


@pytest.mark.parametrize(("text", "expected"), [("a: [1", "is not valid YAML: "), ("- a\n- b\n", "must be a table of settings")])
def test_a_broken_settings_file_is_named(tmp_path, text, expected):
    path = tmp_path / "config.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        read_config(path)
    assert str(caught.value).startswith(f"{path}: {expected}")
    assert "\n" not in str(caught.value)


def test_a_missing_or_empty_settings_file(tmp_path):
    with pytest.raises(ConfigError) as caught:
        read_config(tmp_path / "config.yaml")
    assert str(caught.value) == f"{tmp_path}/config.yaml: does not exist. Run from the root of the repository"
    (tmp_path / "config.yaml").write_text("", encoding="utf-8")
    assert read_config(tmp_path / "config.yaml") == {}


def test_names_may_be_written_in_three_ways():
    assert words("a, b c") == words(["a", "b", "c"]) == ["a", "b", "c"]


def test_declared_variants_are_checked(root):
    (root / "config").mkdir(exist_ok=True)
    (root / "config" / "variants.toml").write_text(
        '[fast]\nthreads = "two"\n[slow]\nthread = 2\n[default]\nthreads = 2\n[odd.variables.pytorch]\nA = "1"\n'
    )
    assert faults(root) == [
        "config/variants.toml: fast: threads must be a whole number, not 'two'",
        "config/variants.toml: slow: unknown key 'thread'. Did you mean 'threads'?",
        "config/variants.toml: default: must be a table, and `default` cannot be declared",
        "config/variants.toml: odd: variables: there is no framework 'pytorch'. Did you mean 'torch'?",
    ]


@pytest.mark.parametrize(
    ("frameworks", "expected"),
    [
        ("[]", "frameworks: names no framework. Leave the key out for a switch that all frameworks have"),
        ('["pytorch>=1.8"]', "frameworks: there is no framework 'pytorch'. Did you mean 'torch'?"),
        ('["torch 1.8"]', "frameworks: '1.8' is no range of versions. Such as tensorflow>=2.9, or torch>=1.5,<2.0"),
        ('["torch>=new"]', "frameworks: '>=new' is no range of versions. Such as tensorflow>=2.9, or torch>=1.5,<2.0"),
        ('["torch<1.5", "torch>=2.0"]', "frameworks: torch stands there more than once. Say a range with commas, such as torch>=1.5,<2.0"),
        ('["torch"]\nenvironments = ["torch-1.4"]', "unknown key 'environments'. "),
    ],
)
def test_where_a_switch_exists_is_said_by_frameworks_and_versions(root, frameworks, expected):
    (root / "config").mkdir(exist_ok=True)
    (root / "config" / "variants.toml").write_text(f"[two]\nframeworks = {frameworks}\n")
    (line,) = faults(root)
    assert line.startswith(f"config/variants.toml: two: {expected}")


def test_declared_variants_are_run_beside_the_default(root):
    (root / "config").mkdir(exist_ok=True)
    (root / "config" / "variants.toml").write_text('[two]\nthreads = 2\nframeworks = ["torch"]\n')
    assert [one.name for one in loading.load_lab({}, root).variants] == ["default", "two"]
    assert [one.name for one in loading.load_lab({"variants": "default"}, root).variants] == ["default"]
    assert loading.load_lab({"variants": "two"}, root).variants[1].frameworks == {"torch": ""}


def test_infinities_and_nan_are_parameters_like_others(root):
    family(root, cases('exp = { inputs = { x = "reals" }, parameters = { ord = inf, other = -inf, none = nan, many = [1, [2.5, inf]] } }'))
    given = loading.load_lab({}, root).families[0].cases[0].parameters
    assert (given["ord"], given["other"], given["many"]) == (float("inf"), float("-inf"), [1, [2.5, float("inf")]])


def test_a_place_for_results_that_leads_in_a_circle_is_named(root):
    (root / "loop").symlink_to("loop")
    assert faults(root, results="loop/x") == [f"config: results: {root}/loop/x: Too many levels of symbolic links. Name another place"]


@pytest.mark.parametrize("name", ["results", "cache"])
@pytest.mark.parametrize("path", [".", "..", "/", "experiments/.."])
def test_what_is_made_lies_neither_on_the_lab_nor_around_it(root, name, path):
    assert faults(root, **{name: path}) == [
        f"config: {name}: {root / path} is the folder of the lab itself, or one around it. Name another place"
    ]


def test_a_folder_without_families_is_no_folder_of_experiments(root):
    (root / "empty").mkdir()
    made = "A family is a folder with an experiment.toml; 'replab new' makes one"
    assert faults(root, experiments="empty") == [f"config: experiments: empty: there are no families in this folder. {made}"]
    assert faults(root, experiments=[]) == ["config: experiments: names no folder. Say where families lie: experiments=FOLDER"]


def test_a_blank_in_the_folder_of_experiments_is_part_of_its_name(root):
    family(root)
    (root / "experiments").rename(root / "my families")
    assert [one.name for one in loading.load_lab({"experiments": "my families"}, root).families] == ["ops"]
    (root / "others").mkdir()
    assert [one.name for one in loading.load_lab({"experiments": "my families, others"}, root).families] == ["ops"]


@pytest.mark.parametrize(
    "name", ["a b", "it's", 'say "x"', "$HOME", "a;id", "a&b", "100%", "a#b", "a?b", "$(touch pwned)", "`id`", "ü 数", "x" * 255]
)
def test_a_path_is_data_whatever_its_letters_mean_to_a_shell(root, name):
    (root / name).mkdir()
    assert path_fault(name) == ""
    assert (
        loading.load_lab({"results": name, "cache": f"{name}/cache", "experiments": ["experiments", name]}, root).results.root
        == root / name
    )


def test_deep_and_foreign_files_of_a_family_are_named(root):
    family(root, reference="def exp(x):\n    return " + "x+" * 3000 + "x\n", impl="x = " + "-" * 400 + "1\n" + CODE)
    assert faults(root) == [
        f"{root}/experiments/ops/reference.py: is not valid Python: nested too deep",
        f"{root}/experiments/ops/impl_numpy.py:1: is nested in more than 250 levels. Give parts of the expression names",
    ]
    (root / "experiments" / "ops" / "reference.py").write_bytes(b"# caf\xe9\n" + CODE.encode())
    assert faults(root)[0] == f"{root}/experiments/ops/reference.py: is not UTF-8: byte 5 in line 1. Save it as UTF-8"


def test_what_a_message_quotes_is_short_and_cannot_control_a_terminal(root):
    [line] = faults(root, families="\x1b]8;;http://x\x07" + "y" * 5000)
    assert len(line) < 400
    assert "\x1b" not in line
    assert "\\x1b]8;;http://x\\x07" in line
