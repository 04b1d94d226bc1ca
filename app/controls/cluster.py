"""Controls of the cluster's shape."""

from __future__ import annotations

import streamlit as st

from app.controls.fields import bound, draw_complaint
from app.look import words
from app.state.limits import MAX_DEVICES
from app.state.session import Session, with_values
from planner.scenario.schema import ClusterSection

_AREA = "cluster"


def draw_cluster_controls(session: Session, problem: str | None) -> None:
    """Devices, memory, nodes and price."""
    cluster = session.scenario.cluster
    st.header("Cluster", anchor=False)

    def field(label: str, name: str, **options) -> None:
        bound(session, _AREA, st.number_input, label, f"cluster.{name}", getattr(cluster, name),
              lambda scenario, value: with_values(scenario, "cluster", **{name: value}), **options)  # fmt: skip

    left, right = st.columns(2)
    with left:
        field(
            "Devices",
            "devices",
            min_value=1,
            max_value=max(MAX_DEVICES, cluster.devices),
            step=1,
            help="Accelerators of one kind. More of them hold more replicas and serve more requests at a time.",
        )
    with right:
        field("GiB each", "memory_gib", min_value=0.1, max_value=10_000.0, step=1.0, format="%g",
              help="What one device may spend on weights; of a V100 with 16 GB about 13 GiB.")  # fmt: skip
    # An expander would close as soon as what it says of itself changes.
    with st.popover(seldom_changed(cluster), icon=":material/tune:", width="stretch", key="cluster.more"):
        field("Devices a node", "devices_per_node", min_value=1, max_value=4096, step=1,
              help="How many stand in one machine; only the picture and failures depend on it.")  # fmt: skip
        field("$ an hour each", "usd_per_device_hour", min_value=0.0, max_value=10_000.0, step=0.1, format="%g",
              help="The price of one device for one hour, in US dollars.")  # fmt: skip
    with st.expander("Reserved and spot prices"):
        other = {"min_value": 0.0, "max_value": 10_000.0, "step": 0.1, "format": "%g"}
        field("$ an hour each, reserved", "reserved_usd_per_device_hour", **other,
              help="Of devices that are paid for whether they are used or not. Empty: not offered.")  # fmt: skip
        field("$ an hour each, spot", "spot_usd_per_device_hour", **other,
              help="Of devices that may be taken back while they serve. Empty: not offered.")  # fmt: skip
    draw_complaint(session, _AREA, problem)


def seldom_changed(cluster: ClusterSection) -> str:
    """Nodes and price in one line, for the button behind which they can be changed."""
    costs = (
        f"\\$ {words.number(cluster.usd_per_device_hour)} an hour each"
        if cluster.usd_per_device_hour
        else "set the price"
    )
    return f"{words.count(cluster.devices_per_node)} a node, {costs}"
