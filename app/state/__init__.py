"""What one visitor has, and how his scenario becomes an answer.

The way through it, one module each:

- `first_scenario`: what a new session begins with.
- `session`: Session, all that belongs to one browser tab: scenario, uploads, undo, drafts, jobs. The scenario there is
  the one truth: controls show it, and change it in their on_change callback only (`app.controls.fields.bound`).
- `limits`: what one visitor may ask for, checked before anything large is made.
- `uploads`: Uploads, his traces and profiles, bounded in bytes.
- `compute`: `answer(scenario, uploads, cache, jobs)` gives an Answer: what may take a moment becomes a job, what is
  quick is waited for. It knows no Streamlit.
- `answer`: Answer, with one Answered or Pending a placement. `run_key` names what is computed (not its name),
  `Answered.outcome_key` this very result.
- `results`: what pages call: `answer_of(session)`, and `kept` for what follows from results.
- `cache`: Cache, bounded in bytes, of all results of the server.
- `drafting`: placements edited by hand, one draft a placement they began as.
- `plannable`: what a text or a link may not bring into force.
- `scenario_text`: the scenario as the visitor wrote it. `sharing`: it as a link, and a link as a scenario.
- `keeping`: the Keeper writes what changed in open sessions to the store (`app.store`) in the background; `saved`: a
  session as the parts of a workspace and back; `typed_json`: results as JSON and back, by the types of their fields.
- `workspace`: the workspace that the page's address names, opened, taken over from another tab, and copied.
- `shelf`: its named versions, two of them together, and one as a file.

Jobs (`app.background.jobs`) belong to the session, take fair turns with those of others in three lanes (inputs, quick,
searches), and end with the tab; `app.background.shared` does once what several ask for at the same time;
`app.background.slots` keeps one job and its last result for each part of a page.
"""
