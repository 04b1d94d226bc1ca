"""The lessons in their order, by their keys in the address; each module fills in `frame.Lesson`."""

from app.lessons import burst, dispatch, greedy, memory, regions, splitting, theory, traffic
from app.lessons.frame import Lesson

LESSONS: dict[str, Lesson] = {
    module.LESSON.key: module.LESSON
    for module in (burst, traffic, memory, regions, splitting, theory, greedy, dispatch)
}
