// Reads the history of a run and says whether it was right.
module menagerie/chaos/check

go 1.19

require github.com/anishathalye/porcupine v1.3.1
