"""How the latent diffusion model is made, measured and described."""
