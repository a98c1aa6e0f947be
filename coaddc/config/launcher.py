"""How Hydra runs a command: all its jobs as one suite, composed and read before anything else happens."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus, configure_log
from hydra.plugins.launcher import Launcher
from hydra.plugins.search_path_plugin import SearchPathPlugin
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext
from omegaconf import DictConfig, ListConfig, OmegaConf, open_dict, read_write

from coaddc.config import keys
from coaddc.config.assemble import unite
from coaddc.config.compose import Composer, describe_job
from coaddc.config.expand import Words, jobs
from coaddc.config.nodes import schema
from coaddc.config.schema import SECTIONS, mutable
from coaddc.config.words import checked
from coaddc.model.assembly import Section
from coaddc.model.errors import CoaddcError
from coaddc.model.suite import Suite

#: Makes a suite; returns whether all its coadds stand.
Build = Callable[[Suite], bool]


class Unfinished(Exception):  # noqa: N818 (not an error of its own: the build has said what is missing)
    """Some coadds do not stand."""


@dataclass(frozen=True)
class Task:
    """What Hydra calls for a job that it runs by itself: a suite of one.

    A class of this module, so that a worker process that unpickles it has everything registered.
    """

    build: Build

    def __call__(self, config: DictConfig) -> None:
        """Make the coadds of one job."""
        loader = GlobalHydra.instance().config_loader()
        catalog = _catalog(loader)
        if not self.build(unite([describe_job(config, loader, catalog)], catalog)):
            raise Unfinished


class SuiteSweeper(Sweeper):
    """Multiplies sweeps and unites suites; checks all jobs before any other launcher runs one."""

    def __init__(self, params: dict[str, Any] | None = None) -> None:
        self.params = params or {}

    def setup(self, *, hydra_context: HydraContext, task_function: Task, config: DictConfig) -> None:
        """Take what Hydra has."""
        self.config = config
        self.context = hydra_context
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> Any:
        """Run all jobs of a command line.

        Raises
        ------
        ConfigError
            Where any job cannot be composed or makes no sense: then none is run.
        """
        catalog = _catalog(self.context.config_loader)
        words = [*checked([f"{key}={value}" for key, value in self.params.items()], catalog), *arguments]
        found = jobs(words, catalog, self.config.hydra.runtime.choices.get("suite"))
        if isinstance(self.launcher, SuiteLauncher):
            return self.launcher.launch(found, 0)
        composer = Composer(self.context.config_loader, self.config, catalog)
        unite([composer.compose(job) for job in found], catalog)
        save_command(self.config, Path(self.config.hydra.sweep.dir))
        returns = self.launcher.launch([list(job) for job in found], initial_job_idx=0)
        _report(found, returns)
        return returns


class SuiteLauncher(Launcher):
    """Composes every job, reads all as one suite, and has it built."""

    def setup(self, *, hydra_context: HydraContext, task_function: Task, config: DictConfig) -> None:
        """Take what Hydra has."""
        self.config = config
        self.context = hydra_context
        self.build = task_function.build

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Build the suite that the jobs are.

        Raises
        ------
        Unfinished
            Where some coadds do not stand; all others do.
        """
        catalog = _catalog(self.context.config_loader)
        composer = Composer(self.context.config_loader, self.config, catalog, job_overrides)
        suite = unite([composer.compose(words) for words in job_overrides], catalog)
        hydra = self.config.hydra
        with read_write(hydra), open_dict(hydra):
            hydra.runtime.output_dir = str(suite.logs)
        HydraConfig.instance().set_config(self.config)
        configure_log(hydra.job_logging, hydra.verbose)
        try:
            stands = self.build(suite)
        finally:
            if suite.logs.is_dir():  # a build that only plans leaves nothing
                save_command(self.config, suite.logs)
        if not stands:
            raise Unfinished
        return [JobReturn(overrides=list(words), status=JobStatus.COMPLETED) for words in job_overrides]


class UserConf(SearchPathPlugin):
    """Searches the user's ./conf before the packaged conf/: its files add to ours, or stand in for them."""

    def manipulate_search_path(self, search_path: Any) -> None:
        """Put ./conf first."""
        from hydra.core.config_search_path import SearchPathQuery

        user = keys.user_conf()
        if user:
            search_path.prepend("user", f"file://{user}", SearchPathQuery(provider="main"))


def save_command(config: DictConfig, folder: Path) -> None:
    """Write the command's config, as Hydra's own sweeper does, where Hydra's users look for it."""
    folder.mkdir(parents=True, exist_ok=True)
    OmegaConf.save(config, folder / "multirun.yaml")


def _report(found: Sequence[Words], returns: Sequence[JobReturn]) -> None:
    """Name every job that failed; Hydra names the first."""
    failed = [(" ".join(job), r._return_value) for job, r in zip(found, returns, strict=True) if _failed(r)]
    reasons = [f"{job}: {reason}" for job, reason in failed if not isinstance(reason, Unfinished)]
    for _, reason in failed:
        if not isinstance(reason, CoaddcError | Unfinished):
            raise reason
    if reasons:
        raise CoaddcError("\n".join([f"{len(failed)} of {len(found)} jobs failed", *reasons]))
    if failed:
        raise Unfinished


def _failed(job: JobReturn) -> bool:
    return bool(job.status == JobStatus.FAILED)


def _catalog(loader: ConfigLoader) -> keys.Catalog:
    """Find what there is on Hydra's own search path."""
    path = loader.get_search_path().get_path()
    sources = [source for source in path if source.provider not in ("hydra", "schema")]
    return keys.find(Path(str(source.path).removeprefix("file://")) for source in sources)


def _found_keys() -> ListConfig:
    """Return the defaults list of the keys that the primary config does not list: each a section, unset."""
    catalog = _catalog(GlobalHydra.instance().config_loader())
    plain_keys = [f"key@{key}" for key in catalog.found if key not in SECTIONS]
    return OmegaConf.create([*plain_keys, *({key: None} for key in catalog.found)])


def register() -> None:
    """Make Hydra, in this process only, know coaddc's schema, search path, sweeper and launcher."""
    for plugin in (UserConf, SuiteSweeper, SuiteLauncher):
        Plugins.instance().register(plugin)
    # Hydra 1.3 runs no plugin from outside its namespace package, even a registered one; 1.4 does.
    Plugins.is_in_toplevel_plugins_module = staticmethod(lambda name: True)
    store = ConfigStore.instance()
    store.store("schema", schema(keys.listed(keys.packaged_conf() / "config.yaml")))
    store.store("key", mutable(Section))
    OmegaConf.register_new_resolver("found_keys", _found_keys, replace=True)


register()
