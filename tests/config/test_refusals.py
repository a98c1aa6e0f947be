import pytest

WORDS = [
    ("wrap=direct", "no key or group 'wrap'; did you mean 'warp'?"),
    ("warp=psfMached,direct", "warp has no value 'psfMached'; did you mean 'psfMatched'?"),
    ("coadd_type=depe", "coadd_type has no value 'depe'; did you mean 'deep'?"),
    ("suite=kind", "suite has no value 'kind'; did you mean 'kinds'?"),
    ("baseline=glob(z*)", "matches none of all, through_y1"),
    ("baseline=interval(1,2)", "an interval cannot be swept"),
    ("stack.nsgima=3", "stack.nsgima: no such field; did you mean 'nsigma'?"),
    ("survey.sites.latitude=3", "survey.sites: no such field; did you mean 'site'?"),
    ("stack.nsigma.high=3", "stack.nsigma has no fields of its own"),
    ("baseline.were=visit", "baseline.were: no such field; did you mean 'where'?"),
    ("stack.nsigma=high", "stack.nsigma=high: expected a number, got 'high'"),
    ("stack.nsigma=3,high", "stack.nsigma=high: expected a number"),
    ("stack.nsigma=null", "stack.nsigma=None: expected a number"),
    ("stack.reject=BAD", "stack.reject=BAD: expected a list, each text"),
    ("stack.propagate.CR=often", "stack.propagate.CR=often: expected a number"),
    ("psf_model.cell=25.5", "psf_model.cell=25.5: expected a whole number"),
    ("survey.strict=perhaps", "survey.strict=perhaps: expected true or false"),
    ("stack.statistic=meen", "stack.statistic=meen: no such choice; did you mean 'mean' or 'median'?"),
    ("stack={nsgima: 3}", "stack.nsgima: no such field; did you mean 'nsigma'?"),
    ("survey.name=???", "survey.name=???: expected text"),
    ("stack", "expected key=value"),
    ("baseline.where=seeing < 1", "is quoted twice, once for the shell"),
    ("warp=null", "to leave warp unset, write ~warp"),
    ("baseline=1", "baseline has no value 1"),
    ("baseline=true", "baseline has no value True"),
    ("warp=[direct,psfMatched]", "without brackets it is a sweep"),
    ("+baseline=y1", "a group needs no +; write baseline=y1"),
    ("~warp", "warp must have a value"),
    ("~survey", "survey must have a value"),
    ("~stack.nsigma", "only a key can be unset"),
    ("filter=g", "it is called 'band' here"),
    ("warpType=direct", "it is called 'warp' here"),
    ("suite.doc=x", "a suite is chosen by name"),
    ("patch=0,0", "'patch=\"0,0\"'"),
    ("patch=3,4", "bracket sequence numbers: 'patch=[0,1]'"),
    ("patch=1_2", "digits joined by _ read as one number"),
    ("patch=first", 'expected a sequence number, an "x,y", or a list'),
    ("patch=[]", "an empty list would make nothing"),
    ("tract=-1", "expected the number of a tract"),
    ("band=true", "expected the short name of a filter"),
    ("--config-dir=/no/such", "/no/such: no such folder"),
    ("--config-name=mine", "the primary config is ./conf/config.yaml"),
]


@pytest.mark.parametrize(("word", "reason"), WORDS, ids=[word for word, _ in WORDS])
def test_a_word_that_makes_no_sense_is_refused_before_anything_is_composed(ask, folder, word, reason):
    refusal = ask(word, "stack=mean").refusal
    assert reason in refusal
    assert refusal.startswith("coaddc: ")
    assert list(folder.iterdir()) == []


COMPOSED = [
    (["stack.nsigma=-1"], "stack.nsigma=-1.0: must be positive"),
    (["engine.workers=1,2"], "engine.workers=1 and 2 in one command"),
    (["store.root=a,b"], "store.root=a and b in one command"),
    (["stack.nsigma=${stack.nothing}"], "stack.nsigma: Interpolation key 'stack.nothing' not found"),
    (
        ["~baseline", "baseline.where=visit"],
        "the key baseline is not set; give it a value first: all, through_y1",
    ),
    (["hydra/launcher=basik"], "hydra/launcher has no value 'basik'; did you mean 'basic'?"),
    (["hydra.mood=RUN"], "hydra.mood: Key 'mood'"),
    (["stack.flux_tolerance=inf"], "stack.flux_tolerance=inf: expected a number, got inf"),
    (["selection.keep.fraction=nan"], "selection: nan has no place in an identity"),
]


@pytest.mark.parametrize(("words", "reason"), COMPOSED, ids=[" ".join(words) for words, _ in COMPOSED])
def test_what_only_shows_when_composed_is_refused_before_anything_is_written(ask, folder, words, reason):
    assert reason in ask(*words).refusal
    assert list(folder.iterdir()) == []


FILES = [
    ("stack/mine", "nsgima: 3\n", "stack=mine", "stack.nsgima: no such field; did you mean 'nsigma'?"),
    (
        "stack/mine",
        "statistic: meen\n",
        "stack=mine",
        "stack.statistic=meen: no such choice; did you mean 'mean'",
    ),
    ("stack/mine", "nsigma: -1\n", "stack=mine", "stack.nsigma=-1.0: must be positive"),
    ("stack/mine", "nsigma: high\n", "stack=mine", "stack.nsigma=high: expected a number"),
    ("stack/mine", "reject: [BAD\n", "stack=mine", "line 2: not YAML"),
    ("parity/odd", "wher: visit\n", "parity=odd", "parity.wher: no such field; did you mean 'where'?"),
    (
        "coadd_type/mine",
        "# @package _global_\ndefaults: [{override /warp: drect}]\n",
        "coadd_type=mine",
        "'direct'?",
    ),
    (
        "coadd_type/mine",
        "# @package _global_\ndefaults: [{override /wrap: direct}]\n",
        "coadd_type=mine",
        "'warp'?",
    ),
    (
        "coadd_type/mine",
        "# @package _global_\nstack: {nsigma: 3}\n",
        "coadd_type=mine",
        "a bundle only chooses values, in its defaults; put stack into a value of a key",
    ),
    ("suite/mine", "warp: direct\n", "suite=mine", "a suite is a list of sweeps"),
    ("suite/mine", "- {warp: drect}\n", "suite=mine", "sweep 1: warp=drect: warp has no value 'drect'"),
    ("suite/mine", '- {patch: "0,0"}\n', "suite=mine", "an unquoted comma is a sweep"),
    ("skymap/mine", "layout: discrete\n", "skymap=mine", "skymap.name has no value"),
]


@pytest.mark.parametrize(("name", "text", "word", "reason"), FILES, ids=[f"{n}-{t}" for n, t, *_ in FILES])
def test_a_file_at_fault_is_named(ask, write, folder, name, text, word, reason):
    file = write(name, text)
    refusal = ask(word).refusal
    assert reason in refusal
    assert str(file) in refusal
    assert [path.name for path in folder.iterdir()] == ["conf"]


def test_one_bad_job_refuses_the_whole_sweep_whoever_launches_it(ask, folder):
    for launcher in ("suite", "basic"):
        refusal = ask(f"hydra/launcher={launcher}", "psf_model.quantile=0.5,2").refusal
        assert "psf_model.quantile=2.0: must lie between 0 and 1" in refusal
        assert list(folder.iterdir()) == []
