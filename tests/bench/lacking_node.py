"""The program `mesh` of a node that lacks the parts which the environment names."""

from mesh.cli.main import main
from tests.bench.without import without

if __name__ == "__main__":
    with without():
        main()
