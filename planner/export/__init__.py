"""Take it to production: a placement as configuration of Ray Serve, vLLM, Kubernetes or Triton, or as JSON."""

from planner.export.export import ENGINE_TARGETS, TARGETS, export_engines, export_placement

__all__ = ["ENGINE_TARGETS", "TARGETS", "export_engines", "export_placement"]
