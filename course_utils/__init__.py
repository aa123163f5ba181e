"""The shared package of the course: models, data, the training atom, metrics and plots.

The map (a lesson's notebook shows the part it teaches, live; every other notebook imports it):

    environment     before torch is imported: threads, and what the setup cell prints
    runtime         seeds, device, number format, checkpoints
    data/           images, glyphs, text, batches, corruption; `download` is the only network code
    models/         one file a lesson: config, modules, loss, sample
    training        update, train_epoch, evaluate, schedules, moving average
    metrics         units, distances, probes      plotting, text_plots, widgets   pictures, demos
    sample_quality  distances of sets of samples  judge               the features they use
    language_metrics  nats per token              text_quality        of written text
    generation      decoding                      muon                an optimizer for matrices
    promises        results of a notebook against the ranges its text states
    exercises/      one file of checks a lesson, progress()   commands/   python -m course_utils ...

Letters in shapes, the same everywhere: `B` batch, `T` time or tokens, `S` source tokens, `C`
channels or features, `H W` image height and width (never heads), `N` heads, `D` = C / N,
`V` vocabulary, `Z` latent, `K` mixture components, `F` true factors of a glyph.

Importing this package imports nothing else: `from course_utils.training import update`.
"""

__version__ = "0.1.0"
