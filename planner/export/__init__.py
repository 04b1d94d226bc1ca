"""Take it to production: a placement as configuration of Ray Serve, vLLM, Kubernetes or Triton, or as JSON."""

from planner.export.export import TARGETS, export_placement

__all__ = ["TARGETS", "export_placement"]
