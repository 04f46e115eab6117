# %% [markdown]
# # Every claim: the ledger
#
# Every claim of {doc}`the audit <audit>`, in the paper's order: the verdict, where it stands, its words, what is
# printed and what comes out, and a note. A row opens on what the claim says in plain words, what the
# answer rests on and the line of code that computed it; its name is a link to it, to be quoted. The
# claims are rows of `clnbook/audit/claims.yaml`, whose head says how to correct one or add another.

# %%
from IPython.display import display

from clnbook.audit import ledger

claims = ledger.compute()
print(f"{len(claims)} statements, {claims['claim'].nunique()} different claims")

# %% tags=["remove-input"]
shown = {"text/html": ledger.html(claims), "text/csv": claims.to_csv(index=False)}
display({"text/plain": f"{len(claims)} claims"} | shown, raw=True)
