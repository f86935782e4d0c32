"""### Digest

What went well, and what did not, all at once and not with every backup: which databases are proven and how old their proofs
are, what was drilled, what was paged. It is drawn from the stores. `pages.digest` in the fleet file says when it is sent, and
to whom; without it there is no such DAG. `./proven digest` prints it.

**If it fails**, a contact did not get it: the page *page-undelivered* says who. Triggered again, only those get it that have
not.
"""

from __future__ import annotations

from airflow.sdk import DAG

from include.proven.fleet import load
from proven_airflow import house_rules, identity, page_steps

FLEET = load.load()

if FLEET.pages.digest:
    with DAG(
        dag_id=identity.DIGEST,
        schedule=FLEET.pages.digest.schedule,
        doc_md=__doc__,
        tags=["proven", "pages"],
        on_failure_callback=page_steps.DIGEST_FAILED,
        **house_rules.dag_arguments("proven"),
    ):
        page_steps.digest()
