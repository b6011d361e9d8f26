"""Chains of degradations: their text, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vsr_cli.specs import (
    Blur,
    DegradationSpec,
    Downscale,
    Jpeg,
    Motion,
    Noise,
    Round,
    VideoCoding,
    parse_degradation,
)
from vsr_cli.specs.degradation import MAX_SEED
from vsr_cli.specs.degradation_text import (
    PLAIN_RECORD,
    degradation_record,
    recorded_degradation,
)

ANGLES = st.floats(-360, 360)
SIGMAS = st.floats(0, 50, exclude_min=True)
NOISES = st.floats(0, 128)
OTHERS = st.one_of(
    st.builds(
        lambda sigma, angle: Blur(sigma=sigma, angle=angle if sigma[0] != sigma[1] else 0.0),
        st.one_of(SIGMAS.map(lambda sigma: (sigma, sigma)), st.tuples(SIGMAS, SIGMAS)),
        ANGLES,
    ),
    st.builds(Motion, length=st.floats(0, 200, exclude_min=True), angle=ANGLES),
    st.builds(
        Noise,
        sigma=st.floats(0, 128, exclude_min=True),
        gain=st.one_of(st.just(0.0), st.floats(0.001, 128)),
        seed=st.integers(0, MAX_SEED),
    ),
    st.builds(Noise, gain=st.floats(0.001, 128)),
    st.builds(Round, bits=st.integers(1, 16)),
    st.builds(Jpeg, quality=st.integers(1, 100)),
    st.builds(VideoCoding, codec=st.sampled_from(["h264", "h265"]), crf=st.floats(0, 51)),
)
DOWNSCALERS = st.sampled_from(["bicubic", "area", "bilinear", "lanczos", "nearest"])


@st.composite
def chains(draw: st.DrawFn) -> DegradationSpec:
    steps = draw(st.lists(OTHERS, max_size=5))
    steps.insert(draw(st.integers(0, len(steps))), Downscale(draw(DOWNSCALERS)))
    return DegradationSpec(tuple(steps))


@settings(deadline=None)
@given(chains())
def test_text_is_read_as_the_same_chain(spec: DegradationSpec) -> None:
    assert parse_degradation(str(spec)) == spec
    assert recorded_degradation(degradation_record(spec)) == spec


@settings(deadline=None)
@given(st.lists(OTHERS, min_size=1, max_size=5))
def test_downscaler_that_is_missing_stands_behind_blur_and_motion(steps: list[object]) -> None:
    found = parse_degradation("+".join(map(str, steps))).steps
    place = found.index(Downscale())
    assert [*found[:place], *found[place + 1 :]] == steps
    assert all(isinstance(step, Blur | Motion) for step in found[:place])
    assert not isinstance([*steps, None][place], Blur | Motion)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("bicubic", "bicubic"),
        (" blur:sigma=1.20 ", "blur:sigma=1.2+bicubic"),
        ("blur:sigma=2/2", "blur:sigma=2+bicubic"),
        ("blur:angle=30, sigma=2/0.70", "blur:sigma=2/0.7,angle=30+bicubic"),
        ("noise:sigma=2,seed=0", "bicubic+noise:sigma=2"),
        ("noise:sigma=2+blur:sigma=1", "bicubic+noise:sigma=2+blur:sigma=1"),
        (
            "motion:length=5+blur:sigma=1+jpeg:quality=60",
            "motion:length=5+blur:sigma=1+bicubic+jpeg:quality=60",
        ),
        ("h264:crf=28+area", "h264:crf=28+area"),
    ],
)
def test_text_has_one_form(text: str, canonical: str) -> None:
    assert str(parse_degradation(text)) == canonical


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "no step '': known are bicubic, area, bilinear, lanczos, nearest, blur, motion"),
        ("tea", "no step 'tea': known are"),
        ("bicubic+", "no step ''"),
        ("blur", "blur needs a value: blur:sigma=NUMBER"),
        ("blur:", "takes sigma=, angle=, got ''"),
        ("blur:radius=2", "takes sigma=, angle=, got 'radius=2'"),
        ("blur:sigma=1,bicubic", r"got 'bicubic'; steps join by \+"),
        ("blur:sigma=1,sigma=2", "has sigma twice"),
        ("blur:sigma=x", "blur's sigma must be a number, or two as 2/0.7, got 'x'"),
        ("blur:sigma=nan", "must be a number, or two"),
        ("blur:sigma=1/2/3", "must be a number, or two"),
        ("blur:sigma=0", "above 0 to 50, got 0"),
        ("blur:sigma=2/51", "above 0 to 50, got 51"),
        ("blur:sigma=2,angle=30", "blur of one sigma is round"),
        ("blur:sigma=2/1,angle=400", "angle must be in -360..360 degrees, got 400"),
        ("motion:angle=3", "motion needs a value: motion:length"),
        ("motion:length=201", "length must be above 0 to 200"),
        ("noise", "noise needs a sigma or a gain"),
        ("noise:sigma=-1", r"sigma must be in 0\.\.128, got -1"),
        ("noise:gain=1e-5", r"gain must be 0 or in 0.001\.\.128"),
        ("noise:sigma=1,seed=-1", "seed must be in 0"),
        ("noise:sigma=1,seed=1.5", "seed must be a whole number, got '1.5'"),
        ("round:bits=17", r"bits must be in 1\.\.16, got 17"),
        ("jpeg:quality=0", r"quality must be in 1\.\.100, got 0"),
        ("h264", "h264 needs a value: h264:crf=NUMBER"),
        ("h265:crf=52", r"h265's crf must be in 0\.\.51, got 52"),
        ("area:sigma=1", "area takes no parameter"),
        ("area+bicubic", "must have one downscaler, got area and bicubic"),
    ],
)
def test_mistakes_name_what_is_known(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint) as caught:
        parse_degradation(text)
    assert "\n" not in str(caught.value)


def test_records_of_the_plain_chain_are_those_of_older_files() -> None:
    assert degradation_record(DegradationSpec()) == PLAIN_RECORD == "bicubic, antialiased, 8 bits"
    assert recorded_degradation("bicubic, antialiased, 8 bits") == DegradationSpec()
    assert recorded_degradation("something else") is None
    assert recorded_degradation(None) is None


def test_seeds_make_no_other_degradation() -> None:
    first, second = map(parse_degradation, ("noise:sigma=2,seed=1", "noise:sigma=2,seed=7"))
    assert first != second
    assert first.is_like(second)
    assert not first.is_like(parse_degradation("noise:sigma=3,seed=1"))
