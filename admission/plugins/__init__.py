"""The plugins of admission, one a file; `admission.order` lists them."""
