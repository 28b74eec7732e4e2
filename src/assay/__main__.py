"""``python -m assay``, and ``accelerate launch -m assay``."""

from assay.cli.main import main

if __name__ == "__main__":
    main()
