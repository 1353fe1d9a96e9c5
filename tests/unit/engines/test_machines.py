"""The machine may be newer, older, smaller or of another kind than those that the lab was made on: read from made-up descriptions."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from replab import parallel
from replab.commands import doctor
from replab.config.loading import load_lab
from replab.engines.processor import host_platform, local_platform, read_processor
from replab.engines.sandbox import Built
from replab.publish.replay import different

ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(ROOT / "scripts" / "sandbox" / "probe"))

import ask  # noqa: E402 (a module of the probe)
import observe  # noqa: E402

COMMON = "fpu vme tsc msr sse sse2 ssse3 fma cx16 sse4_1 sse4_2 avx f16c avx2 bmi1 bmi2 smep erms gfni vaes rdseed"
SKYLAKE = f"{COMMON} avx512f avx512dq avx512cd avx512bw avx512vl"
GRANITE = (
    f"{SKYLAKE} avx512ifma avx512vbmi avx512_vbmi2 avx512_bitalg avx512_vpopcntdq avx512_vnni avx_vnni avx512_bf16 avx512_fp16 amx_bf16 amx_tile "
    "amx_int8 amx_fp16"
)
DIAMOND = f"{GRANITE} avx10_1 avx10_2 amx_fp8 amx_tf32 amx_avx512 avx_ne_convert"
ZEN5 = f"{SKYLAKE} avx512ifma avx512vbmi avx_vnni avx512_bf16 avx512_vnni avx512_vp2intersect sse4a"
GRAVITON = (
    "fp asimd evtstrm aes sha1 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop sha3 asimddp sve i8mm bf16 dgh svei8mm svebf16 rng"
)


def x86(flags: str, vendor: str = "GenuineIntel", family: int = 6, model: int = 207, count: int = 2) -> str:
    core = "processor\t: {}\nvendor_id\t: {}\ncpu family\t: {}\nmodel\t\t: {}\nmodel name\t: Some CPU @ 2.00GHz\nflags\t\t: {}\n\n"
    return "".join(core.format(number, vendor, family, model, flags) for number in range(count))


def arm(flags: str, part: str = "0xd40", count: int = 2) -> str:
    core = "processor\t: {}\nBogoMIPS\t: 2100.00\n{}CPU implementer\t: 0x41\nCPU architecture: 8\nCPU part\t: {}\nCPU revision\t: 1\n\n"
    return "".join(core.format(number, f"Features\t: {flags}\n" if flags else "", part) for number in range(count))


MACHINES = {
    "Core 2": x86("fpu sse sse2 ssse3 sse4_1", model=23),
    "Haswell": x86(COMMON, model=63),
    "Skylake": x86(SKYLAKE, model=85),
    "Skylake whose hypervisor hides AVX-512": x86(COMMON, model=85),
    "Granite Rapids": x86(GRANITE, model=173),
    "Diamond Rapids": x86(DIAMOND, model=173),
    "Diamond Rapids without AVX10.2": x86(DIAMOND.replace(" avx10_2", ""), model=173),
    "a processor with an AMX of next year": x86(f"{DIAMOND} amx_complex2", model=173),
    "Zen 5": x86(ZEN5, "AuthenticAMD", 26, 2),
    "Zen 5 with 128 cores": x86(ZEN5, "AuthenticAMD", 26, 17, 128),
    "Bulldozer": x86("sse2 ssse3 sse4_1 sse4_2 avx xop fma4", "AuthenticAMD", 21, 1),
    "Graviton 3": arm(GRAVITON),
    "Graviton 4": arm(f"{GRAVITON} sve2", "0xd4f"),
    "Arm that tells no features": arm("", "0xd0c"),
    "big and little": arm("fp asimd asimddp", "0xd05") + arm("fp asimd asimddp fphp", "0xd0a"),
    "POWER": "processor\t: 0\ncpu\t\t: POWER9 (architected), altivec supported\nclock\t\t: 2900MHz\n\nmachine\t: CHRP IBM pSeries\n",
    "RISC-V": "processor\t: 0\nhart\t: 0\nisa\t\t: rv64imafdcv_zicntr\nmmu\t\t: sv39\nuarch\t\t: sifive,u74-mc\n",
    "LoongArch": "CPU Family\t\t: Loongson-64bit\nModel Name\t\t: Loongson-3A5000\nFeatures\t\t: cpucfg lam ual fpu lsx lasx crc32\n",
    "s390x": "vendor_id       : IBM/S390\n# processors    : 4\nfeatures\t: esan3 zarch stfle msa ldisp vx vxd vxe vxe2\nprocessor 0: version = FF\n",
}
WORDS = {
    "Haswell": ("GenuineIntel-6-63", "avx+avx2+f16c+fma+sse4_1+sse4_2+ssse3"),
    "Graviton 3": ("0x41-0xd40", "asimd+asimddp+asimdhp+asimdrdm+bf16+fphp+i8mm+sve+svebf16+svei8mm"),
    "Arm that tells no features": ("0x41-0xd0c", "none"),
    "big and little": ("0x41-0xd05+0x41-0xd0a", "asimd+asimddp"),
    "POWER": ("POWER9-(architected)-altivec-supported", "none"),
    "RISC-V": ("sifive-u74-mc", "rv64imafdcv_zicntr"),
    "LoongArch": ("Loongson-3A5000", "lasx+lsx"),
    "s390x": ("IBM-S390", "vx+vxd+vxe+vxe2"),
}


def test_no_two_different_machines_look_alike() -> None:
    found = {name: read_processor(text) for name, text in MACHINES.items()}
    assert len(set(found.values())) == len(MACHINES)
    assert {name: found[name] for name in WORDS} == WORDS


@pytest.mark.parametrize("name", MACHINES)
def test_a_processor_is_two_words_whatever_it_is(name: str) -> None:
    words = read_processor(MACHINES[name])
    assert len(" ".join(words).split()) == 2
    assert all(word.isascii() for word in words)


@pytest.mark.parametrize("text", ["", "\n\n\n", "garbage", "flags\t:\n", "flags : \nvendor_id :\n", "\x00\xff: \n"])
def test_a_machine_that_says_nothing_still_has_a_place(text: str) -> None:
    assert read_processor(text) == ("processor-unknown", "none")
    assert read_processor(text, "Some CPU (tm) 9")[0] == "Some-CPU-(tm)-9"


NEW = "avx10_3 avx512_fp8 amx_movrs amx_fp8 avx_vnni_int8 fma4 sve2p2 sme2p1 smef16f16 asimdfhm f8fma ebf16"
HARMLESS = "smep sme smap gfni vaes sha_ni clwb avx512_bitalg avx512ifma avx512_vbmi2 avx512_vpopcntdq sse4a svesha3 invented"


@pytest.mark.parametrize("flag", NEW.split(" "))
def test_numeric_instructions_that_nobody_has_listed_split_the_store(flag: str) -> None:
    assert read_processor(x86(f"{COMMON} {flag}")) != read_processor(x86(COMMON))


@pytest.mark.parametrize("flag", HARMLESS.split(" "))
def test_harmless_instructions_do_not_split_the_store(flag: str) -> None:
    assert read_processor(x86(f"{COMMON} {flag}")) == read_processor(x86(COMMON))


@pytest.mark.parametrize("name", MACHINES)
def test_the_probe_sees_the_instruction_sets_that_the_host_files_results_by(name: str, tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text(MACHINES[name])
    seen = observe._cpu(str(tmp_path / "cpuinfo"))
    assert "+".join(seen["flags"]) == read_processor(MACHINES[name])[1].replace("none", "")
    assert seen["model"] != "unknown"
    assert observe._cpu(str(tmp_path / "none"))["model"] == "unknown"


def test_the_platform_of_a_machine_without_cpuinfo_reads_back_word_by_word() -> None:
    """The compiler must not slip into the place of the processor."""
    published = {"packages": {}, "platform": "aarch64 glibc-2.36 processor-unknown none g++-12.2.0", "engine": "uv", "interpreter": {}}
    here = {"status": "ok", "engine": "uv", "platform": "aarch64 glibc-2.36 0x41-0xd40 asimd+sve g++-13.1.0", "observed": {"packages": {}}}
    assert different(published, here) == [
        "other processor: processor-unknown → 0x41-0xd40",
        "other instruction sets: none → asimd+sve",
        "other compiler: g++-12.2.0 → g++-13.1.0",
    ]


def test_another_interpreter_is_a_reason_for_other_bits() -> None:
    python = {"version": "3.13.0", "build": "main Oct 7 2024", "sha256": "a"}
    published = {"packages": {}, "platform": "x", "engine": "uv", "interpreter": python}
    here = {"status": "ok", "engine": "uv", "platform": "x", "observed": {"packages": {}}}
    assert different(published, {**here, "interpreter": python | {"version": "3.13.1"}}) == [
        "other interpreter: 3.13.0 (main Oct 7 2024) → 3.13.1 (main Oct 7 2024)"
    ]
    assert different(published, {**here, "interpreter": {}}) == [], "a container's is in its image"


def test_this_machine_has_four_words() -> None:
    assert len(host_platform().split()) == 4


SAID = [
    ("onednn_verbose,v1,info,cpu,isa:Intel AVX2", "avx2"),
    ("onednn_verbose,info,cpu,isa:Intel AVX-512 with AVX512BW, AVX512VL, and AVX512DQ extensions", "avx512"),
    ("onednn_verbose,info,cpu,isa:Intel(R) Advanced Vector Extensions 2", "intel(r) advanced vector extensions 2"),
    ("onednn_verbose,v1,info,cpu,isa:Intel SSE4.1", "sse41"),
    ("dnnl_verbose,info,Detected ISA is Intel AVX", "avx"),
    (
        "onednn_verbose,v1,info,cpu,isa:Intel AVX10.1/512 and Intel AMX with bfloat16 and 8-bit integer support",
        "intel avx10.1/512 and intel amx with bfloat16 and 8-bit integer support",
    ),
    ("onednn_verbose,v1,info,cpu,isa:AArch64 SVE (256 bits)", "aarch64 sve (256 bits)"),
]


@pytest.mark.parametrize(("line", "isa"), SAID)
@pytest.mark.processes
def test_what_onednn_says_is_never_taken_for_a_lesser_instruction_set(line: str, isa: str) -> None:
    """Short names where they are known, its own words where they are not."""
    assert ask.onednn(lambda: os.write(1, line.encode())) == isa


class Memory(NamedTuple):
    total: float


class Disk(NamedTuple):
    free: float


@pytest.mark.parametrize(("count", "gigabytes", "free"), [(1, 4, 0.5), (1, 4, 20), (128, 2048, 4000)])
@pytest.mark.processes
def test_doctor_speaks_on_small_and_large_machines(
    count: int, gigabytes: float, free: float, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _pid: set(range(count)))
    monkeypatch.setattr("psutil.virtual_memory", lambda: Memory(gigabytes * 2**30))
    monkeypatch.setattr("shutil.disk_usage", lambda _path: Disk(free * 1e9))
    lab = load_lab({"environments": "numpy-2.5", "families": "controls_arithmetic", "cache": str(tmp_path)}, ROOT)
    lines = {line.subject: line for line in (doctor._disk(lab), doctor._memory(lab))}
    assert lines["disk"].ok == (free > 4)
    assert lines["memory"].ok == (gigabytes * 1024 >= lab.limits.memory_mb)
    assert not lines["memory"].needed, "a small machine computes what fits"
    assert parallel.each(lambda item: item + 1, list(range(20))) == list(range(1, 21))


@pytest.mark.processes
def test_the_compiler_is_the_fifth_word(tmp_path: Path) -> None:
    environment = next(one for one in load_lab({"environments": "torch-2.13"}, ROOT).environments if "compile" in one.modes)
    built = Built(environment=environment, engine="uv", python=tmp_path, folder=tmp_path, identity="0" * 64, cache=tmp_path)
    assert len(local_platform(built).split()) == 5
