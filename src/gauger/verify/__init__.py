"""The other side's check of a bundle, apart from all that made it: under 490 lines of code, to be read in a sitting.

Read ``form`` (a stranger's bytes), then ``signatures`` (who signed what), then ``bundle`` (the whole). Nothing writes,
connects or reads a clock; of Gauger only the Merkle tree's proofs and the errors are imported. What does not hold
raises VerifyError; a bundle of another version, or a package that is missing, UnsupportedError.

    report = verify(data, trusted=[Trusted(public=key)], at=now, roots=[pem])
"""

from gauger.verify.bundle import Report, verify
from gauger.verify.signatures import Trusted

__all__ = ["Report", "Trusted", "verify"]
