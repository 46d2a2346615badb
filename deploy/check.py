"""Checks files whose own tools are not at hand: manifests, the dashboard, the compose file and the Dockerfile."""

import json
import re
from pathlib import Path

import kubernetes_validate
import yaml

HERE = Path(__file__).parent
KUBERNETES = "1.33"


def metrics():
    """The names of all metrics, as the documentation has them, which the code makes."""
    text = (HERE / "../docs/operations.md").read_text()
    names = set(re.findall(r"^\| `(geotopics_\w+)`", text, re.MULTILINE))
    assert len(names) > 10, names
    return names


def check_metrics():
    known = metrics()
    for path in ["grafana/dashboard.json", "prometheus/alerts.yaml", "prometheus/alerts.test.yaml"]:
        for name in set(re.findall(r"\bgeotopics_\w+", (HERE / path).read_text())):
            name = re.sub("_bucket$", "", name)
            assert name in known, f"{path}: there is no metric {name}"


def check_dashboard():
    dashboard = json.loads((HERE / "grafana/dashboard.json").read_text())
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(ids) == len(set(ids)) and all(panel["title"] for panel in dashboard["panels"])


def check_kubernetes():
    folder = HERE / "kubernetes"
    kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text())
    for resource in kustomization["resources"]:
        for manifest in yaml.safe_load_all((folder / resource).read_text()):
            kubernetes_validate.validate(manifest, KUBERNETES, strict=True)
    for generated in kustomization["configMapGenerator"]:
        assert all((folder / file).is_file() for file in generated["files"])


def check_containers():
    compose = yaml.safe_load((HERE / "compose.yaml").read_text())
    for service in compose["services"].values():
        for volume in service.get("volumes", []):
            assert (HERE / volume.split(":")[0]).exists(), volume
    root = HERE / ".."
    allowed = {line[1:] for line in (HERE / "Dockerfile.dockerignore").read_text().split() if line.startswith("!")}
    for line in (HERE / "Dockerfile").read_text().splitlines():
        if line.startswith("COPY ") and "--from" not in line:
            for source in line.split()[1:-1]:
                assert (root / source).exists() and source in allowed, line


for check in [check_metrics, check_dashboard, check_kubernetes, check_containers]:
    check()
    print(f"{check.__name__}: fine")
