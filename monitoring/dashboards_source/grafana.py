"""A dashboard as Grafana reads it: JSON, made with its own library."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.builders import prometheus, stat, statetimeline, table, timeseries
from grafana_foundation_sdk.builders.common import GraphThresholdsStyleConfig, ReduceDataOptions
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.common import GraphTresholdsStyleMode
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from monitoring.dashboards_source.panel import Board, Panel, Query

TAG = "pyinfra-patroni"
SOURCE = models.DataSourceRef(type_val="prometheus", uid="${source}")
AnyPanel = timeseries.Panel | statetimeline.Panel | stat.Panel | table.Panel


def text_of(board: Board) -> str:
    """The file of a dashboard."""
    return JSONEncoder(sort_keys=True, indent=1).encode(built(board)) + "\n"


def built(board: Board) -> models.Dashboard:
    """The dashboard, with its variables, marks, links and panels."""
    made = builders.Dashboard(f"{TAG}: {board.title}").uid(f"{TAG}-{board.name}").description(board.about)
    made.tags([TAG]).refresh("30s").time("now-3h", "now").timezone("browser").editable()
    made.tooltip(models.DashboardCursorSync.CROSSHAIR)
    link = builders.DashboardLink("Dashboards").type(models.DashboardLinkType.DASHBOARDS).tags([TAG])
    made.link(link.include_vars(True))
    for variable in variables(board):
        made.with_variable(variable)
    if board.members:
        for mark in marks():
            made.annotation(mark)
    for row in board.rows:
        made.with_row(builders.Row(row.title))
        for panel in row.panels:
            made.with_panel(drawn(panel))
    return made.build()


def variables(board: Board) -> Iterator[builders.DatasourceVariable | builders.QueryVariable]:
    """What can be chosen above a dashboard: where the numbers come from, cluster and member."""
    yield builders.DatasourceVariable("source").label("Prometheus").type("prometheus")
    if not board.members:
        return
    for name, query in (("cluster", "label_values(cluster:up:max, cluster)"), ("member", MEMBERS)):
        variable = builders.QueryVariable(name).label(name).query(query).datasource(SOURCE)
        variable.refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED).sort(models.VariableSort.ALPHABETICAL_ASC)
        if name == "member":
            variable.include_all(True).multi(True).all_value(".*")
        yield variable


MEMBERS = 'label_values(member:up:max{cluster=~"$cluster"}, member)'
MARKS = {
    "Timeline": ("red", Query("changes(cluster:timeline:max{@cluster}[1m]) > 0")),
    "Run": ("blue", Query("cluster:run:seconds{@cluster} < 30")),
}


def marks() -> Iterator[builders.AnnotationQuery]:
    """Moments that are drawn into every panel."""
    for name, (colour, query) in MARKS.items():
        yield builders.AnnotationQuery().name(name).datasource(SOURCE).enable(True).icon_color(colour).expr(query.text)


def drawn(panel: Panel) -> AnyPanel:
    """A panel, in the manner of its kind."""
    kinds: dict[str, Callable[[Panel], AnyPanel]] = {"lines": lines, "states": states, "number": number, "table": rows}
    made = kinds[panel.kind](panel)
    made.title(panel.title).description(panel.about).datasource(SOURCE).unit(panel.unit)
    made.span(panel.width).height(panel.height)
    for index, query in enumerate(panel.queries):
        target = prometheus.Dataquery().expr(query.text).legend_format(query.legend).ref_id(chr(ord("A") + index))
        if panel.kind == "table":
            target.instant().format(PromQueryFormat.TABLE)
        made.with_target(target)
    return made


def lines(panel: Panel) -> timeseries.Panel:
    """Values over time, with a line at the limit."""
    made = timeseries.Panel().min(0).line_width(1).fill_opacity(5)
    if panel.limit is not None:
        steps = [models.Threshold(value=None, color="transparent"), models.Threshold(value=panel.limit, color="red")]
        made.thresholds(builders.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(steps))
        made.thresholds_style(GraphThresholdsStyleConfig().mode(GraphTresholdsStyleMode.DASHED))
    return made


def states(panel: Panel) -> statetimeline.Panel:
    """Named states over time, a line for each series."""
    made = statetimeline.Panel().merge_values(True)
    return made.mappings([_names(panel)])


def number(panel: Panel) -> stat.Panel:
    """What is now."""
    return stat.Panel().reduce_options(ReduceDataOptions().calcs(["lastNotNull"]))


def rows(panel: Panel) -> table.Panel:
    """A row for each value of one label, a column for each query."""
    made = table.Panel()
    columns = {f"Value #{chr(ord('A') + index)}": query.legend for index, query in enumerate(panel.queries)}
    joined = {"byField": panel.by, "mode": "outer"}
    made.with_transformation(models.DataTransformerConfig(id_val="joinByField", options=joined))
    hidden = dict.fromkeys(("Time", "__name__", *(f"Time {number}" for number in range(1, len(columns) + 1))), True)
    options = {"excludeByName": hidden, "renameByName": columns}
    return made.with_transformation(models.DataTransformerConfig(id_val="organize", options=options))


def _names(panel: Panel) -> models.ValueMap:
    results = {
        str(value): models.ValueMappingResult(text=text, color=colour, index=index)
        for index, (value, (text, colour)) in enumerate(panel.states.items())
    }
    return models.ValueMap(options=results)


def expressions(text: str) -> list[str]:
    """
    Every query in the file of a dashboard: of panels, of marks; variables are queries of labels and are left out.

    + text: of the file
    """
    board = json.loads(text)
    panels = [one for panel in board["panels"] for one in (panel, *panel.get("panels", []))]
    asked = [target["expr"] for panel in panels for target in panel.get("targets", [])]
    return asked + [mark["expr"] for mark in board.get("annotations", {}).get("list", []) if "expr" in mark]
