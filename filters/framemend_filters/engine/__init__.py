"""Windows, alignment, tiles and composition around the model, behind one class: `Repairer`."""

from framemend_filters.engine.compose import FrameRepair
from framemend_filters.engine.repairer import Repairer, aligned_mean_clip, hold
from framemend_filters.engine.settings import RepairSettings

__all__ = ["FrameRepair", "RepairSettings", "Repairer", "aligned_mean_clip", "hold"]
