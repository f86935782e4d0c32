"""Who can read the backups and who vouches for them: the fleet's GnuPG keys.

Public keys encrypt (in the agent), the signer's private key signs manifests and verdicts, and a recipient's private key gives
the *session keys* of single artifacts to a drill, so that a sandbox never sees a private key.
"""

from __future__ import annotations

import datetime
import functools
import secrets
from collections.abc import Callable, Sequence

from include.proven import errors
from include.proven.encryption import gpg, inline, public_keys
from include.proven.encryption.public_keys import PublicKey
from include.proven.fleet import model

START_BYTES = 256 * 1024
"""How much of an artifact `session_key` wants. gpg must have the first whole chunk of the encrypted packet (8 KiB with 2.2)."""


class Keyring:
    """The keys that a fleet names, in its GnuPG home directory."""

    def __init__(self, config: model.GnuPG) -> None:
        self._config = config
        self._gpg = gpg.Gpg(config.home, config.passphrase_file)

    def check_recipients(self) -> list[PublicKey]:
        """Return the recipients' keys, in the order of the fleet file.

        Raise EncryptionError, naming the recipient, if a key is missing, ambiguous, expired, revoked, disabled, not trusted, or
        can't encrypt.
        """
        keys = self._list()
        recipients = [self._find(keys, wanted, "recipient") for wanted in self._config.recipients]
        for key, wanted in zip(recipients, self._config.recipients, strict=True):
            public_keys.require_usable(key, wanted, "recipient", "E")
        return recipients

    def check_decryption(self) -> None:
        """Encrypt a few bytes to those recipients that can be used, and decrypt them. Raise EncryptionError."""
        self._try_decryption(self._try_recipients()[0])

    def export_public_keys(self) -> list[str]:
        """Return each recipient's public key, armoured. Raise EncryptionError as `check_recipients` does."""
        return [self._export(key.fingerprint) for key in self.check_recipients()]

    def check_signer(self) -> PublicKey:
        """Return the signer's key after a trial signature. Raise EncryptionError if it can't sign now."""
        key = self._find(self._list(), self._config.signer, "signer")
        public_keys.require_usable(key, self._config.signer, "signer", "S")
        self.sign(b"trial")
        return key

    def signer(self) -> str:
        """Return the fingerprint of the fleet's signer. Raise EncryptionError if its public key is not here."""
        return self._signer.fingerprint

    def sign(self, content: bytes) -> bytes:
        """Return the signer's armoured detached signature. Raise EncryptionError if there is no private key or passphrase."""
        key = self._find(self._list(), self._config.signer, "signer")
        done = self._gpg.run("--armor", "--local-user", key.fingerprint, "--detach-sign", content=content, private=True)
        if done.exit_status != 0 or not done.lines("SIG_CREATED"):
            raise self._cannot_use(done, f"can't sign as {self._config.signer}")
        return done.output

    def verify(self, content: bytes, signature: bytes) -> str:
        """Given content and its detached signature, return the signer's fingerprint.

        Raise IntegrityError unless it is one good signature by exactly the fleet's signer. A key that has expired since may
        have signed: what it vouched for in its time stays readable. Raise EncryptionError if its public key is not here.
        """
        self._require_trusted_signer()
        return self._judge(self._gpg.run("--verify", "--", "{extra}", "-", content=content, extra=signature))

    def verify_all(self, signed: Sequence[tuple[bytes, bytes]]) -> list[errors.IntegrityError | None]:
        """Given contents, each with its detached signature, return for each why it can't be trusted, or None if it can.

        They are judged as `verify` judges them, but many by one run of gpg. Raise EncryptionError as `verify` does.
        """
        self._require_trusted_signer()
        messages = {number: message for number, pair in enumerate(signed) if (message := inline.as_message(*pair))}
        exported = self._gpg.run("--export", self._signer.fingerprint).output
        said = dict(zip(messages, inline.verify(list(messages.values()), exported), strict=True))
        return [self._fault(said.get(number), pair) for number, pair in enumerate(signed)]

    def _fault(self, outcome: gpg.Outcome | None, pair: tuple[bytes, bytes]) -> errors.IntegrityError | None:
        try:
            if outcome is None:
                self.verify(*pair)
            else:
                self._judge(outcome)
        except errors.IntegrityError as error:
            return error
        return None

    def _require_trusted_signer(self) -> None:
        # gpg does not say whether it trusts a key that has expired; one of our own it does.
        if not public_keys.is_fingerprint(self._config.signer) and self._signer.owner_trust != "u":
            public_keys.require_trusted(self._signer, self._config.signer, "signer")

    def _judge(self, done: gpg.Outcome) -> str:
        key = self._signer
        if len(done.lines("NEWSIG")) != 1:
            raise errors.IntegrityError("it does not carry exactly one signature", detail=done.stderr)
        valid = done.lines("VALIDSIG")
        if not valid or not (done.lines("GOODSIG") or done.lines("EXPKEYSIG")):
            raise errors.IntegrityError("the signature is not good", detail=done.stderr)
        signed_at, primary = datetime.datetime.fromtimestamp(int(valid[0][2]), datetime.UTC), valid[0][9]
        if primary != key.fingerprint:
            raise errors.IntegrityError(f"it is signed by {primary}, not by the fleet's signer {key}")
        if (end := key.works_until("S")) and signed_at > end:
            raise errors.IntegrityError(f"it was signed after the signer's key had expired, at {end:%Y-%m-%d %H:%M} UTC")
        return primary

    def session_key(self, first_bytes: bytes) -> str:
        """Given the first `START_BYTES` of an artifact, return its session key as gpg writes it: `9:0123…`. It is a secret.

        Raise EncryptionError if no private key here opens it, IntegrityError if it is no OpenPGP message.
        """
        # What gpg can decrypt of the piece goes nowhere; its complaint that the rest is missing is expected.
        done = self._gpg.run("--show-session-key", "--output", "/dev/null", "--decrypt", content=first_bytes, private=True)
        if found := done.lines("SESSION_KEY"):
            return found[0][0]
        if not done.lines("ENC_TO"):
            raise errors.IntegrityError("the artifact does not begin as an OpenPGP message", detail=done.stderr)
        raise self._cannot_open(done, "the artifact")

    def faults(self) -> dict[str, errors.ProvenError]:
        """Try all that backups and drills ask of the keys; return why something can't be done, by what it is about.

        That is a recipient (as the fleet file names it) that nothing can be encrypted to, `decryption` with a private key that
        is here, or `signature`. Raise EncryptionError if the home can't be read at all.
        """
        usable, found = self._try_recipients()
        attempts: dict[str, Callable[[], None]] = {
            "decryption": functools.partial(self._try_decryption, usable),
            "signature": self._try_signature,
        }
        for name, attempt in attempts.items():
            try:
                attempt()
            except (errors.EncryptionError, errors.IntegrityError) as error:
                found[name] = error
        return found

    def ends(self) -> list[tuple[datetime.datetime, PublicKey]]:
        """Return when each of the fleet's keys stops working, the soonest first. Those that last for good are not among them.

        Nor are those that are not here: `faults` names them.
        """
        keys = self._list()
        found: dict[str, tuple[datetime.datetime, PublicKey]] = {}
        wanted = [(recipient, "recipient", "E") for recipient in self._config.recipients]
        for name, role, purpose in [*wanted, (self._config.signer, "signer", "S")]:
            try:
                key = self._find(keys, name, role)
            except errors.EncryptionError:
                continue
            if end := key.works_until(purpose):
                found[key.fingerprint] = min(found.get(key.fingerprint, (end, key)), (end, key), key=lambda pair: pair[0])
        return sorted(found.values(), key=lambda pair: pair[0])

    def _try_recipients(self) -> tuple[list[PublicKey], dict[str, errors.ProvenError]]:
        """Return the recipients that can be encrypted to, and why others, as the fleet file names them, can't."""
        keys = self._list()
        usable: list[PublicKey] = []
        faults: dict[str, errors.ProvenError] = {}
        for wanted in self._config.recipients:
            try:
                key = self._find(keys, wanted, "recipient")
                public_keys.require_usable(key, wanted, "recipient", "E")
            except errors.EncryptionError as error:
                faults[wanted] = error
            else:
                usable.append(key)
        return usable, faults

    def _try_decryption(self, recipients: list[PublicKey]) -> None:
        """Encrypt a few bytes as a backup does, and decrypt them. Nothing is tried without any recipient."""
        if not recipients:
            return
        content = secrets.token_bytes(16)
        options = [option for key in recipients for option in ("--recipient", key.fingerprint)]
        encrypted = self._gpg.run("--trust-model", "always", "-z", "0", *options, "--encrypt", content=content)
        if encrypted.exit_status != 0 or not encrypted.output:
            raise errors.EncryptionError("gnupg: can't encrypt to the recipients", detail=encrypted.stderr)
        done = self._gpg.run("--decrypt", content=encrypted.output, private=True)
        if done.exit_status != 0 or done.output != content:
            raise self._cannot_open(done, "a trial message")

    def _try_signature(self) -> None:
        """Sign a few bytes as a manifest is signed, and verify them."""
        self.check_signer()
        content = secrets.token_bytes(16)
        self.verify(content, self.sign(content))

    @functools.cached_property
    def _signer(self) -> PublicKey:
        # Asked for once: a listing reads many signatures, and gpg itself looks at the key's state each time.
        return self._find(self._list(), self._config.signer, "signer")

    def _list(self) -> list[PublicKey]:
        done = self._gpg.run("--with-colons", "--fixed-list-mode", "--list-keys")
        if done.exit_status != 0:
            raise errors.EncryptionError(f"gnupg: can't list the keys in {self._config.home}", detail=done.stderr)
        return public_keys.parse_listing(done.output.decode(errors="replace"))

    def _find(self, keys: list[PublicKey], wanted: str, role: str) -> PublicKey:
        return public_keys.find_key(keys, wanted, role, str(self._config.home))

    def _export(self, fingerprint: str) -> str:
        done = self._gpg.run("--armor", "--export-options", "export-minimal", "--export", fingerprint)
        if done.exit_status != 0 or not done.output:
            raise errors.EncryptionError(f"gnupg: can't export the public key {fingerprint}", detail=done.stderr)
        return done.output.decode()

    def _cannot_open(self, done: gpg.Outcome, what: str) -> errors.EncryptionError:
        encrypted_to = [line[0] for line in done.lines("ENC_TO")]
        names = ", ".join(encrypted_to)
        if len(done.lines("NO_SECKEY")) == len(encrypted_to):
            return errors.EncryptionError(
                f"gnupg: no private key in {self._config.home} opens {what}, which is encrypted to {names}",
                hint="Import the private key of one of its recipients, or restore where that key is.",
            )
        return self._cannot_use(done, f"can't open {what}, which is encrypted to {names}")

    def _cannot_use(self, done: gpg.Outcome, what: str) -> errors.EncryptionError:
        if any(word in done.stderr for word in ("Bad passphrase", "No passphrase given", "can't get input")):
            return errors.EncryptionError(
                f"gnupg: {what}: the passphrase is wrong or missing",
                detail=done.stderr,
                hint="`gnupg.passphrase_file` in the fleet file names the file with the private key's passphrase.",
            )
        if any(word in done.stderr for word in ("No secret key", "secret key not available")):
            return errors.EncryptionError(
                f"gnupg: {what}: there is no private key in {self._config.home}",
                detail=done.stderr,
                hint=f"Import it: gpg --homedir {self._config.home} --import FILE.",
            )
        return errors.EncryptionError(f"gnupg: {what}", detail=done.stderr, hint="See what gpg says in the detail.")
