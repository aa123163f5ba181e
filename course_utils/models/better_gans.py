"""Better GANs: losses with a slope everywhere, penalties on the critic's gradient, convolutions.

Wasserstein: Arjovsky et al. 2017 (arXiv 1701.07875); gradient penalty: Gulrajani et al. 2017 (arXiv
1704.00028). Spectral normalization: Miyato et al. 2018 (arXiv 1802.05957). Relativistic loss with
zero-centred penalties: Jolicoeur-Martineau 2019 (arXiv 1807.00734), Mescheder et al. 2018 (arXiv
1801.04406), together Huang et al. 2024 (arXiv 2501.05441). Condition by projection: Miyato & Koyama
2018 (arXiv 1802.05637). Truncation: Brock et al. 2019 (arXiv 1809.11096, section 3.1).
Images are (B, 1, 28, 28) in [0, 1], noise (B, Z), labels (B,).
"""
