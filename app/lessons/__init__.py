"""The lessons in their order, by their keys in the address; each module fills in `frame.Lesson`."""

from app.lessons import batching, burst, dispatch, greedy, hunt, memory, regions, splitting, theory, traffic, yesterday
from app.lessons.frame import Lesson

LESSONS: dict[str, Lesson] = {
    module.LESSON.key: module.LESSON
    for module in (burst, traffic, memory, regions, splitting, theory, greedy, dispatch, batching, yesterday, hunt)
}
