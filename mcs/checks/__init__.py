"""What a change on the host would do to Services across clusters, said before it is done. Pure.

Each check has an id by which `docs/services.md` explains it. `findings` says what one comes to, `facts` what
is known when it is asked; `agreement` asks the merge itself what clusters would disagree on.
"""
