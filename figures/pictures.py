"""Takes the pictures that README shows out of the saved notebooks: the last one of each cell tagged
`picture`."""

import base64
import json
from pathlib import Path

FIGURES = Path(__file__).resolve().parent


def main() -> None:
    for path in sorted(FIGURES.parent.glob("notebooks/[0-9][0-9]_*.ipynb")):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            if "picture" not in cell["metadata"].get("tags", []):
                continue
            data = (output.get("data", {}) for output in cell["outputs"])
            images = [one["image/png"] for one in data if "image/png" in one]
            target = FIGURES / f"{path.stem[:2]}_{cell['id'].replace('-', '_')}.png"
            target.write_bytes(base64.b64decode(images[-1]))
            print(target.name)


if __name__ == "__main__":
    main()
