"""Which actions an IAM policy has to allow for the calls that the fault layer records."""

from __future__ import annotations

from collections.abc import Iterable

# S3's, by method and sub-resource; DeleteObjects needs two
_S3 = {
    "DELETE bucket": ("DeleteBucket",),
    "GET bucket": ("ListBucket",),
    "GET bucket?accelerate": ("GetAccelerateConfiguration",),
    "GET bucket?encryption": ("GetEncryptionConfiguration",),
    "GET bucket?inventory": ("GetInventoryConfiguration",),
    "GET bucket?object-lock": ("GetBucketObjectLockConfiguration",),
    "GET bucket?versions": ("ListBucketVersions",),
    "GET buckets": ("ListAllMyBuckets",),
    "HEAD bucket": ("ListBucket",),
    "POST bucket?delete": ("DeleteObject", "DeleteObjectVersion"),
    "PUT bucket": ("CreateBucket",),
    "PUT bucket?encryption": ("PutEncryptionConfiguration",),
}

# Services that IAM calls otherwise than a signature does
_PREFIXES = {"tagging": "tag"}


def _s3(action: str) -> Iterable[str]:
    if action in _S3:
        return _S3[action]
    method, _, name = action.partition(" bucket?")  # "GET bucket?tagging": GetBucketTagging
    return (f"{method.capitalize()}Bucket{name[:1].upper()}{name[1:]}",)


# Other services whose actions are named otherwise
_OTHERS = {
    "budgets:CreateBudget": "budgets:ModifyBudget",
    "budgets:DeleteBudget": "budgets:ModifyBudget",
    "budgets:DescribeBudget": "budgets:ViewBudget",
    "budgets:DescribeBudgets": "budgets:ViewBudget",
}


def _named(service: str, action: str) -> set[str]:
    if service == "s3":
        return {f"s3:{one}" for one in _s3(action)}
    name = f"{_PREFIXES.get(service, service)}:{action}"
    return {_OTHERS.get(name, name)}


def permissions(calls: Iterable[tuple[str, str]]) -> set[str]:
    """Return them for services and actions."""
    return {one for service, action in calls for one in _named(service, action)}
