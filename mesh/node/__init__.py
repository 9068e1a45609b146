"""The trio shell: sockets, threads, clocks, discovery. It carries out and never decides."""
