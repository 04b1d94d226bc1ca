"""A placement that holds every difficulty of an export: shared pipelines, tensor groups, hostile names."""

from simulator import Cluster, Group, Model, Placement, serving_preset
from tests.cases import profile

HOSTILE = "x'\n$(rm) \"; </script> \u202eÄ🙂" + "y" * 60
NAMES = ("search ads", "search.ads", HOSTILE, "---", "a-g0-s1")
PROFILE = profile(latency_s=0.4, weight_gib=2.0, configurations=((1, 1), (2, 1), (1, 2), (4, 1), (2, 2), (3, 1)))
MODELS = tuple(Model(name, PROFILE, 2.0 if i else float("inf")) for i, name in enumerate(NAMES))
SHARED = Placement(
    (
        Group(4, 1, NAMES[:3]),
        Group(1, 1, (NAMES[3],)),
        Group(1, 1, (NAMES[3], NAMES[4])),
        Group(1, 2, (NAMES[0],)),
        Group(2, 2, (NAMES[1], NAMES[2])),
        Group(2, 1, ()),
    ),
    "first\nplacement",
)
CLUSTER = Cluster(16, memory_gib=13.0, devices_per_node=16)
# With four devices a node, the group of 3 + 1 and the one of 2 + 2 devices span nodes.
SMALL_NODES = Cluster(16, memory_gib=13.0, devices_per_node=4)
SPANNING = Placement((Group(3, 1, NAMES[:1]), Group(4, 1, NAMES[:3]), Group(1, 1, (NAMES[3],))), "spanning")
SERVING = serving_preset("testbed")
